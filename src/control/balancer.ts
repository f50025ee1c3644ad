import type { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import type { AdminPlace, AdminServer } from '../admin/admin-server.ts'
import type { Config } from '../config/schema.ts'
import { warningsOf } from '../config/warnings.ts'
import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import { difference, patched } from '../runtime/snapshot-patch.ts'
import { subjectOf } from './admin-subject.ts'
import { compile } from './compile.ts'
import { adminOf, assertSameFixedSettings, workersOf } from './fixed-settings.ts'
import { InstanceLock, warningOfAnother } from './instance-lock.ts'
import { keepsState, warningsOfSecrets } from './kept-sessions.ts'
import { ListenError } from './listen-error.ts'
import { openAccessLog } from './open-access-log.ts'
import { assemble, type Parts } from './parts.ts'
import { StateDirectory } from './state-directory.ts'

/** A running load balancer: what `limpet run` starts and stops. */
export class Balancer {
  readonly workers: number
  readonly #parts: Parts
  #config: Config
  #lock: InstanceLock | undefined
  #admin: AdminServer | undefined
  /** Configurations are handed over one after the other. */
  #handingOver: Promise<unknown> = Promise.resolve()
  #isStopping = false

  private constructor(config: Config, parts: Parts, lock: InstanceLock | undefined) {
    this.workers = workersOf(config)
    this.#config = config
    this.#parts = parts
    this.#lock = lock
  }

  /**
   * Resolves once every worker listens.
   *
   * @param firstThread the first worker's thread, if it was started early
   * @throws ListenError if a worker or the admin API cannot listen; ConfigError if the access log's file cannot be
   *   opened
   */
  static async start(config: Config, log: Logger, firstThread?: Worker): Promise<Balancer> {
    for (const warning of warningsOf(config)) log.warn(warning)
    const accessLog = openAccessLog(config.accessLog.file, log)
    const state = new StateDirectory(config.stateDirectory, process.env, (trouble) => log.warn(trouble))
    const lock = await lockState(config, state, log)
    const parts = await assemble(config, state, accessLog, log)
    const balancer = new Balancer(config, parts, lock)
    const { health, supervisor, slots } = parts
    await health.start()
    try {
      await supervisor.start(balancer.workers, firstThread)
    } catch (error) {
      lock?.release()
      health.stop()
      throw error
    }
    slots.acknowledge(supervisor.snapshot.generation)
    await balancer.#startAdmin()
    return balancer
  }

  /** The listeners, with real ports in place of 0. */
  get listeners(): readonly Listener[] {
    return this.#parts.supervisor.snapshot.listeners
  }

  /** Where the admin API listens; undefined if it is off. */
  get adminPlace(): AdminPlace | undefined {
    return this.#admin?.place
  }

  async #startAdmin(): Promise<void> {
    const place = adminOf(this.#config)
    if (place === undefined) return
    const { AdminServer } = await import('../admin/admin-server.ts')
    try {
      this.#admin = await AdminServer.start(place, subjectOf(this.#parts))
    } catch (error) {
      await this.stop()
      const { code = '', message } = error as NodeJS.ErrnoException
      throw new ListenError({ ...place, proxyProtocol: false }, code, message, 'the admin API')
    }
  }

  /**
   * Puts another configuration into effect; resolves once every worker serves it. What has not changed keeps its state,
   * and exchanges in flight end as they began. If this throws, nothing has changed.
   *
   * @throws ConfigError if it changes what only a restart can change, or if there is no room for its servers at present
   */
  async apply(config: Config): Promise<void> {
    const handedOver = this.#handingOver.then(() => this.#handOver(config))
    // The next configuration does not wait for the workers to acknowledge this one: it may be what brings them back.
    this.#handingOver = handedOver.catch(() => undefined)
    const { generation, acknowledged } = await handedOver
    await acknowledged
    const { slots, reclaimer } = this.#parts
    slots.acknowledge(generation)
    reclaimer.watch()
  }

  /** Applies a configuration to every part; the workers are last. */
  async #handOver(config: Config): Promise<{ generation: number; acknowledged: Promise<void> }> {
    const { slots, reclaimer, sessions, health, skew, rebalancer, supervisor } = this.#parts
    this.#assertRunning()
    assertSameFixedSettings(this.#config, config)
    await reclaimer.reclaim()
    const next = this.#next(config)
    const before = this.#config
    this.#config = config
    slots.adopt(next)
    this.#warnOfNews(before, config)
    // Sessions, health and skew must know a server before a worker sends it the first request.
    await sessions.apply(config, next)
    this.#assertRunning()
    health.apply(next.upstreams)
    skew.apply(next.upstreams)
    rebalancer.apply(next.upstreams)
    const acknowledged = supervisor.apply(next)
    if (keepsState(config) && !keepsState(before)) await this.#lockState()
    return { generation: next.generation, acknowledged }
  }

  /** The Snapshot that follows the current one; unchanged parts are the same objects. */
  #next(config: Config): Snapshot {
    const { slots, state, supervisor } = this.#parts
    const { snapshot } = supervisor
    const compiled = compile(config, snapshot.generation + 1, slots, () => state.secret())
    return patched(snapshot, difference(snapshot, { ...compiled, listeners: snapshot.listeners }))
  }

  /** Logs the warnings of a configuration that the one before did not cause. */
  #warnOfNews(before: Config, config: Config): void {
    const { state, log } = this.#parts
    const known = new Set([...warningsOf(before), ...warningsOfSecrets(before, state)])
    for (const warning of [...warningsOf(config), ...warningsOfSecrets(config, state)]) {
      if (!known.has(warning)) log.warn(warning)
    }
  }

  #assertRunning(): void {
    if (this.#isStopping) throw new Error('Limpet is stopping, and no other configuration is applied')
  }

  async #lockState(): Promise<void> {
    const { state, log } = this.#parts
    this.#lock ??= await lockState(this.#config, state, log)
    if (this.#isStopping) this.#lock?.release()
  }

  /** Reopens the access log's file, after it was rotated. */
  reopenLog(): void {
    this.#parts.accessLog.reopen()
  }

  /** Lets exchanges in flight finish, then closes everything. */
  async stop(): Promise<void> {
    const { reclaimer, sessions, skew, rebalancer, health, supervisor, accessLog } = this.#parts
    this.#isStopping = true
    // From now on another process may take its place.
    this.#lock?.release()
    // Exchanges in flight may take long to finish, and the next run should not wait for the sessions until then.
    void sessions.flush()
    await this.#admin?.close()
    reclaimer.close()
    skew.close()
    rebalancer.close()
    health.stop()
    await supervisor.stop()
    await sessions.close()
    await accessLog.close()
  }
}

/** Marks the state directory as in use, and warns if another Limpet uses it; undefined if nothing is kept there. */
async function lockState(config: Config, state: StateDirectory, log: Logger): Promise<InstanceLock | undefined> {
  const another = await warningOfAnother(config, state.path)
  if (another !== undefined) log.warn(another)
  return keepsState(config) ? await InstanceLock.take(config, state.path) : undefined
}
