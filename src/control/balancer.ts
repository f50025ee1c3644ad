import { availableParallelism } from 'node:os'
import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import { HealthMonitor } from '../health/health-monitor.ts'
import { LogFile } from '../observability/log-file.ts'
import { MOST_WORKERS, Scoreboard } from '../scoreboard.ts'
import { SessionTable } from '../session-table.ts'
import type { Listener } from '../snapshot.ts'
import { compile } from './compile.ts'
import { SessionStore } from './session-store.ts'
import { StateDirectory } from './state-directory.ts'
import { Supervisor } from './supervisor.ts'

/** A load balancer at work: what `limpet run` starts and stops. */
export class Balancer {
  /** Where it listens; a port 0 of the configuration has become a real one. */
  readonly listeners: readonly Listener[]
  readonly workers: number
  readonly #supervisor: Supervisor
  readonly #health: HealthMonitor
  readonly #accessLog: LogFile
  readonly #store: SessionStore | undefined

  private constructor(
    listeners: readonly Listener[],
    workers: number,
    supervisor: Supervisor,
    health: HealthMonitor,
    accessLog: LogFile,
    store: SessionStore | undefined,
  ) {
    this.listeners = listeners
    this.workers = workers
    this.#supervisor = supervisor
    this.#health = health
    this.#accessLog = accessLog
    this.#store = store
  }

  /**
   * Resolves once every worker listens.
   *
   * @throws ListenError where it cannot; the system's error where the access log's file cannot be opened
   */
  static async start(config: Config, log: Logger): Promise<Balancer> {
    const accessLog = new LogFile(config.accessLog.file, (trouble) => log.warn(trouble))
    const state = new StateDirectory(config.stateDirectory, process.env, (trouble) => log.warn(trouble))
    const snapshot = compile(config, 1, () => state.secret())
    for (const { name, affinity } of config.upstreams) {
      if (affinity?.type !== 'cookie' || affinity.secrets !== undefined) continue
      log.warn(
        `upstream ${name}: affinity has no secrets; ${state.path}/secret serves, and other replicas need the same`,
      )
    }
    const sessions = new SessionTable()
    sessions.heed(snapshot.upstreams)
    const isSticky = snapshot.upstreams.some(({ affinity }) => affinity !== undefined)
    const store = isSticky ? new SessionStore(sessions, state, snapshot.upstreams, config.listeners) : undefined
    const restored = store?.load() ?? 0
    if (restored > 0) log.info(`${restored} session(s) go on`)
    const scoreboard = new Scoreboard()
    const health = new HealthMonitor(snapshot.upstreams, scoreboard, {
      worse: (line) => log.warn(line),
      better: (line) => log.info(line),
    })
    const supervisor = new Supervisor(snapshot, scoreboard, sessions, {
      log: (lines, written) => accessLog.append(lines, written),
      serverOut: (upstream, server, ms, cause) => health.serverOut(upstream, server, ms, cause),
      serverBack: (upstream, server) => health.serverBack(upstream, server),
      serverErring: (upstream, server, badInRow) => health.serverErring(upstream, server, badInRow),
      connectionRefused({ address, port }, peer, cause, count) {
        const which = count === 1 ? `a connection from ${peer} was` : `${count} connections were`
        const last = count === 1 ? '' : `, the last one from ${peer}`
        log.warn(`listener ${address} port ${port}: ${which} closed${last}: ${cause}`)
      },
      workerDied(slot, cause, ms) {
        log.error(`worker ${slot} died and is replaced${ms > 0 ? ` in ${ms} ms` : ''}: ${cause}`)
      },
    })
    const workers = Math.min(config.workers ?? availableParallelism(), MOST_WORKERS)
    await health.start()
    try {
      const listeners = await supervisor.start(workers)
      return new Balancer(listeners, workers, supervisor, health, accessLog, store)
    } catch (error) {
      health.stop()
      throw error
    }
  }

  /** Opens the access log's file anew, after it was rotated. */
  reopenLog(): void {
    this.#accessLog.reopen()
  }

  /** Lets exchanges in flight finish, then closes everything. */
  async stop(): Promise<void> {
    this.#health.stop()
    await this.#supervisor.stop()
    await this.#store?.close()
    await this.#accessLog.close()
  }
}
