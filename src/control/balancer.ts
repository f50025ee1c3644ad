import { closeSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import type { AdminPlace, AdminServer } from '../admin/admin-server.ts'
import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import { warningsOf } from '../config/warnings.ts'
import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import { difference, patched } from '../runtime/snapshot-patch.ts'
import { activatedSockets } from './activation/activated-sockets.ts'
import { subjectOf } from './admin-subject.ts'
import { compile } from './compile.ts'
import { adminOf, assertSameFixedSettings, workersOf } from './fixed-settings.ts'
import { InstanceLock, warningOfAnother } from './instance-lock.ts'
import { keepsState, warningsOfSecrets } from './kept-sessions.ts'
import { ListenError } from './listen-error.ts'
import { moveAccessLog, openAccessLog } from './open-access-log.ts'
import { assemble, type Parts } from './parts.ts'
import { withRealPorts } from './real-ports.ts'
import { RunInstance } from './run-instance.ts'
import { StateDirectory } from './state-directory.ts'
import type { AdminSocket, Inheritance } from './upgrade/inheritance.ts'
import type { Predecessor } from './upgrade/predecessor.ts'
import { addCounts } from './upgrade/server-states.ts'

/** A running load balancer: what `limpet run` starts and stops. */
export class Balancer {
  readonly #parts: Parts
  readonly #instance: RunInstance
  #config: Config
  #lock: InstanceLock | undefined
  #admin: AdminServer | undefined
  /** Configurations are handed over one after the other. */
  #handingOver: Promise<unknown> = Promise.resolve()
  /** Aborted when it stops. */
  readonly #stopping = new AbortController()
  #isReplaced = false
  readonly #replaced = Promise.withResolvers<void>()

  private constructor(config: Config, parts: Parts, instance: RunInstance, lock: InstanceLock | undefined) {
    this.#config = config
    this.#parts = parts
    this.#instance = instance
    this.#lock = lock
  }

  /**
   * Resolves once every worker listens.
   *
   * @param firstThread the first worker's thread, if it was started early
   * @param predecessor the process that this one replaces, if it does
   * @throws ListenError if a worker or the admin API cannot listen; ConfigError if the access log's file cannot be
   *   opened
   */
  static async start(written: Config, log: Logger, firstThread?: Worker, predecessor?: Predecessor): Promise<Balancer> {
    const inherited = predecessor?.inheritance
    for (const warning of warningsOf(written)) log.warn(warning)
    const accessLog = openAccessLog(written.accessLog.file, log)
    const state = new StateDirectory(written.stateDirectory, process.env, (trouble) => log.warn(trouble))
    const instance = new RunInstance(written, state, inherited?.instance)
    const config = instance.name(written)
    const lock = predecessor === undefined ? await lockState(config, state, log) : undefined
    const parts = await assemble(config, state, accessLog, log, inherited?.servers)
    const balancer = new Balancer(config, parts, instance, lock)
    const { health, supervisor, slots } = parts
    await health.start()
    try {
      const sockets =
        inherited?.sockets ?? activatedSockets(config.listeners, process.env, (message) => log.warn(message))
      await supervisor.start(workersOf(config), firstThread, sockets, realListeners(config, inherited))
    } catch (error) {
      lock?.release()
      health.stop()
      // Workers that have accepted connections of the process that goes on finish them.
      if (predecessor !== undefined) await supervisor.stop()
      throw error
    }
    slots.acknowledge(supervisor.snapshot.generation)
    await balancer.#startAdmin(inherited?.admin)
    if (predecessor !== undefined) await balancer.#follow(predecessor)
    return balancer
  }

  get workers(): number {
    return this.#parts.supervisor.workers
  }

  /** The listeners, with real ports in place of 0. */
  get listeners(): readonly Listener[] {
    return this.#parts.supervisor.snapshot.listeners
  }

  /** Where the admin API listens; undefined if it is off. */
  get adminPlace(): AdminPlace | undefined {
    return this.#admin?.place
  }

  async #startAdmin(inherited: AdminSocket | undefined): Promise<void> {
    const place = adminOf(this.#config)
    const isSame = inherited !== undefined && isDeepStrictEqual(place, inherited.written)
    if (inherited !== undefined && !isSame) closeSync(inherited.descriptor)
    if (place === undefined) return
    const { AdminServer } = await import('../admin/admin-server.ts')
    try {
      this.#admin = await AdminServer.start(place, subjectOf(this.#parts), isSame ? inherited.descriptor : undefined)
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
   * @throws ConfigError if it changes what only a restart can change, or if there is no room for its servers at present;
   *   ListenError if a worker cannot listen on one of its listeners
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
  async #handOver(written: Config): Promise<{ generation: number; acknowledged: Promise<void> }> {
    const { slots, reclaimer, sessions, health, skew, supervisor } = this.#parts
    this.#assertRunning()
    const config = this.#instance.name(written)
    assertSameFixedSettings(this.#config, config)
    await reclaimer.reclaim()
    const listeners = await this.#prepare(config)
    await this.#moveLog(config)
    const next = this.#next(config, listeners)
    const before = this.#config
    this.#config = config
    slots.adopt(next)
    this.#warnOfNews(before, config)
    // Sessions, health and skew must know a server before a worker sends it the first request.
    await sessions.apply(config, next)
    this.#assertRunning()
    health.apply(next.upstreams)
    skew.apply(next.upstreams)
    const acknowledged = supervisor.apply(next)
    if (keepsState(config) && !keepsState(before)) await this.#lockState()
    this.#instance.keep(written)
    await supervisor.reduce(workersOf(config))
    return { generation: next.generation, acknowledged }
  }

  /** Has workers listen on what is new, and start where there are to be more; returns the listeners, with real ports. */
  async #prepare(config: Config): Promise<readonly Listener[]> {
    const { supervisor } = this.#parts
    const { listeners } = supervisor.snapshot
    const wanted = withRealPorts(config.listeners, this.#config.listeners, listeners)
    const isSame = isDeepStrictEqual(wanted, listeners) && workersOf(config) === supervisor.wantedWorkers
    if (isSame) return listeners
    // Nothing is opened for a configuration that cannot be applied.
    this.#compile(config)
    return supervisor.prepare(wanted, workersOf(config))
  }

  /** The access log goes on in the file of the next configuration. */
  async #moveLog({ accessLog: { file } }: Config): Promise<void> {
    if (file === this.#config.accessLog.file) return
    try {
      moveAccessLog(this.#parts.accessLog, file)
    } catch (error) {
      await this.#parts.supervisor.cancel()
      throw error
    }
  }

  /** The Snapshot that follows the current one; unchanged parts are the same objects. */
  #next(config: Config, listeners: readonly Listener[]): Snapshot {
    const { snapshot } = this.#parts.supervisor
    return patched(snapshot, difference(snapshot, { ...this.#compile(config), listeners }))
  }

  #compile(config: Config): Snapshot {
    const { slots, state, supervisor } = this.#parts
    return compile(config, supervisor.snapshot.generation + 1, slots, () => state.secret())
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
    if (this.#isReplaced) throw new Error('another process has replaced this one, which only finishes its connections')
    if (this.#stopping.signal.aborted) throw new Error('Limpet is stopping, and no other configuration is applied')
  }

  async #lockState(): Promise<void> {
    const { state, log } = this.#parts
    this.#lock ??= await lockState(this.#config, state, log)
    if (this.#stopping.signal.aborted) this.#lock?.release()
  }

  /**
   * Starts the program that is on the disk now, and hands over to it. Resolves once it serves: then this process accepts no
   * more connections, and `replaced` resolves once it has none. If it rejects, nothing has changed.
   *
   * @throws UpgradeError if the new program does not come up
   */
  upgrade(): Promise<{ readonly pid: number }> {
    const upgraded = this.#handingOver.then(() => this.#upgrade())
    this.#handingOver = upgraded.catch(() => undefined)
    return upgraded
  }

  async #upgrade(): Promise<{ readonly pid: number }> {
    this.#assertRunning()
    const { HandOver } = await import('./upgrade/hand-over.ts')
    const listeners = this.#config.listeners.map((written, index) => ({ written, real: this.listeners[index]! }))
    const estate = { instance: instanceOf(this.#config), listeners, admin: this.#adminSocket }
    const handOver = await HandOver.begin(this.#parts, estate, this.#stopping.signal)
    this.#isReplaced = true
    this.#lock?.release()
    this.#admin?.leave()
    this.#parts.skew.close()
    void handOver.finish().then(this.#replaced.resolve)
    return { pid: handOver.pid }
  }

  get #adminSocket(): AdminSocket | undefined {
    const [written, descriptor] = [adminOf(this.#config), this.#admin?.descriptor]
    return written === undefined || descriptor === undefined ? undefined : { written, descriptor }
  }

  /** Takes over from the process that this one replaces, until that has ended. */
  async #follow(predecessor: Predecessor): Promise<void> {
    const { sessions, scoreboard, supervisor } = this.#parts
    predecessor.ended.addEventListener('abort', () => sessions.endSharing())
    void predecessor.released.then(() => (keepsState(this.#config) ? this.#lockState() : undefined))
    predecessor.onCounted = (servers) => addCounts(supervisor.snapshot, scoreboard, servers)
    await sessions.beginSharing()
  }

  /** Resolves once another process serves in place of this one, and this one has no connection any more. */
  get replaced(): Promise<void> {
    return this.#replaced.promise
  }

  /** Reopens the access log's file, after it was rotated. */
  reopenLog(): void {
    this.#parts.accessLog.reopen()
  }

  /** Lets exchanges in flight finish, then closes everything. */
  async stop(): Promise<void> {
    const { reclaimer, sessions, skew, health, supervisor, accessLog } = this.#parts
    this.#stopping.abort()
    // From now on another process may take its place.
    this.#lock?.release()
    // Exchanges in flight may take long to finish, and the next run should not wait for the sessions until then.
    void sessions.flush()
    await this.#admin?.close()
    reclaimer.close()
    skew.close()
    health.stop()
    await supervisor.stop()
    await sessions.close()
    await accessLog.close()
  }
}

/** The listeners of a configuration, with the ports of sockets that this process was given in place of 0. */
function realListeners(config: Config, inherited: Inheritance | undefined): readonly Listener[] {
  const known = inherited?.listeners ?? []
  const [written, real] = [known.map(({ written }) => written), known.map(({ real }) => real)]
  return withRealPorts(config.listeners, written, real)
}

/** Marks the state directory as in use, and warns if another Limpet uses it; undefined if nothing is kept there. */
async function lockState(config: Config, state: StateDirectory, log: Logger): Promise<InstanceLock | undefined> {
  const another = await warningOfAnother(config, state.path)
  if (another !== undefined) log.warn(another)
  return keepsState(config) ? await InstanceLock.take(config, state.path) : undefined
}
