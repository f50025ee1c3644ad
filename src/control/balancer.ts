import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import type { AdminPlace, AdminServer } from '../admin/admin-server.ts'
import type { Config } from '../config/schema.ts'
import { warningsOf } from '../config/warnings.ts'
import { HealthMonitor } from '../health/health-monitor.ts'
import type { LogFile } from '../observability/log-file.ts'
import { MAX_WORKERS } from '../runtime/bounds.ts'
import { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Listener } from '../runtime/snapshot.ts'
import { describeSkew } from '../skew/skew-watch.ts'
import { version } from '../version.ts'
import { compile } from './compile.ts'
import { EventLog } from './event-log.ts'
import { InstanceLock, keepsState, warningOfAnother } from './instance-lock.ts'
import { ListenError } from './listen-error.ts'
import { openAccessLog } from './open-access-log.ts'
import { openSessions } from './open-sessions.ts'
import type { SessionStore } from './session-store.ts'
import { SkewAlarm } from './skew-alarm.ts'
import { SlotBook } from './slot-book.ts'
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
  readonly #skew: SkewAlarm
  readonly #lock: InstanceLock | undefined
  #admin: AdminServer | undefined

  private constructor(
    listeners: readonly Listener[],
    workers: number,
    supervisor: Supervisor,
    health: HealthMonitor,
    accessLog: LogFile,
    store: SessionStore | undefined,
    skew: SkewAlarm,
    lock: InstanceLock | undefined,
  ) {
    this.listeners = listeners
    this.workers = workers
    this.#supervisor = supervisor
    this.#health = health
    this.#accessLog = accessLog
    this.#store = store
    this.#skew = skew
    this.#lock = lock
  }

  /** Where the admin API answers; undefined where it is off. */
  get adminPlace(): AdminPlace | undefined {
    return this.#admin?.place
  }

  /**
   * Resolves once every worker listens.
   *
   * @param firstThread the first worker's, where it was started ahead
   * @throws ListenError where it cannot; ConfigError where the access log's file cannot be opened
   */
  static async start(config: Config, log: Logger, firstThread?: Worker): Promise<Balancer> {
    for (const warning of warningsOf(config)) log.warn(warning)
    const accessLog = openAccessLog(config.accessLog.file, log)
    const state = new StateDirectory(config.stateDirectory, process.env, (trouble) => log.warn(trouble))
    const another = await warningOfAnother(config, state.path)
    if (another !== undefined) log.warn(another)
    const lock = keepsState(config) ? await InstanceLock.take(config, state.path) : undefined
    const snapshot = compile(config, 1, new SlotBook(), () => state.secret())
    const { sessions, store } = openSessions(config, snapshot, state, log)
    const skew = new SkewAlarm(snapshot.upstreams, log)
    const scoreboard = new Scoreboard()
    const events = new EventLog(log)
    const health = new HealthMonitor(snapshot.upstreams, scoreboard, {
      worse: (line) => log.warn(line),
      better: (line) => log.info(line),
      shortage: (code) => events.shortage(code),
    })
    const supervisor = new Supervisor(snapshot, scoreboard, sessions, {
      log: (lines, written) => accessLog.append(lines, written),
      logDropped: (lines) => accessLog.drop(lines),
      samples: (reports) => skew.hear(reports),
      event(event) {
        health.hear(event)
        events.hear(event)
      },
      workerDied(slot, cause, ms) {
        log.error(`worker ${slot} died and is replaced${ms > 0 ? ` in ${ms} ms` : ''}: ${cause}`)
      },
    })
    const workers = config.workers ?? Math.min(availableParallelism(), MAX_WORKERS)
    await health.start()
    try {
      const listeners = await supervisor.start(workers, firstThread)
      const balancer = new Balancer(listeners, workers, supervisor, health, accessLog, store, skew, lock)
      if (config.admin !== undefined && config.admin !== 'off')
        await balancer.#startAdmin(config.admin, sessions, scoreboard)
      return balancer
    } catch (error) {
      lock?.release()
      health.stop()
      throw error
    }
  }

  async #startAdmin(place: AdminPlace, sessions: SessionTable, scoreboard: Scoreboard): Promise<void> {
    const supervisor = this.#supervisor
    const health = this.#health
    const accessLog = this.#accessLog
    const { watch } = this.#skew
    const { AdminServer } = await import('../admin/admin-server.ts')
    try {
      this.#admin = await AdminServer.start(place, {
        version,
        startedAt: Date.now(),
        sessions,
        scoreboard,
        get snapshot() {
          return supervisor.snapshot
        },
        get workers() {
          return supervisor.workers
        },
        get droppedLogLines() {
          return accessLog.dropped
        },
        causeOf: (upstream, server, bit) => health.causeOf(upstream, server, bit),
        warnings({ name }) {
          const panic = health.panicOf(name)
          return [
            ...(panic === undefined ? [] : [{ code: 'panic' as const, message: panic }]),
            ...watch.of(name).map((skew) => ({ code: 'skew' as const, message: describeSkew(skew) })),
          ]
        },
      })
    } catch (error) {
      await this.stop()
      const { code = '', message } = error as NodeJS.ErrnoException
      throw new ListenError({ ...place, proxyProtocol: false }, code, message, 'the admin API')
    }
  }

  /** Opens the access log's file anew, after it was rotated. */
  reopenLog(): void {
    this.#accessLog.reopen()
  }

  /** Lets exchanges in flight finish, then closes everything. */
  async stop(): Promise<void> {
    // Who is started in its place may do so from now on.
    this.#lock?.release()
    // What is in flight may take long to finish, and whoever starts the next run need not wait for that.
    void this.#store?.flush()
    await this.#admin?.close()
    this.#skew.close()
    this.#health.stop()
    await this.#supervisor.stop()
    await this.#store?.close()
    await this.#accessLog.close()
  }
}
