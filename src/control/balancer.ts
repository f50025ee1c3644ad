import type { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import type { AdminPlace } from '../admin/admin-listener.ts'
import { OperationRefused } from '../admin/operation-refused.ts'
import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import { warningsOf } from '../config/warnings.ts'
import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import { difference, patched } from '../runtime/snapshot-patch.ts'
import { AdminApi } from './admin-api.ts'
import { subjectOf } from './admin-subject.ts'
import { compile } from './compile.ts'
import { ChangesFile } from './desired/changes-file.ts'
import { type DesiredState, desiredState } from './desired/desired-state.ts'
import { differenceInWords } from './desired/difference-in-words.ts'
import type { OperatorChanges } from './desired/operator-changes.ts'
import { type GivenConfig, type LoadAgain, restored } from './desired/restored.ts'
import { assertSameFixedSettings, workersOf } from './fixed-settings.ts'
import { InstanceLock, warningOfAnother } from './instance-lock.ts'
import { keepsState, warningsOfSecrets } from './kept-sessions.ts'
import { openAccessLog } from './open-access-log.ts'
import { operationsOf } from './operations.ts'
import { assemble, type Parts } from './parts.ts'
import { StateDirectory } from './state-directory.ts'

/** What a change of the configuration has come to. */
export interface Applied {
  /** The generation that is in effect in every worker. */
  readonly generation: number
  /** What has changed, one sentence each; empty if nothing has. */
  readonly changes: readonly string[]
}

/** A running load balancer: what `limpet run` starts and stops. */
export class Balancer {
  readonly workers: number
  readonly #parts: Parts
  readonly #load: LoadAgain | undefined
  readonly #changesFile: ChangesFile
  readonly #lock: InstanceLock
  #desired: DesiredState
  #admin: AdminApi | undefined
  /** Configurations are handed over one after the other. */
  #handingOver: Promise<unknown> = Promise.resolve()
  #isStopping = false

  private constructor(
    desired: DesiredState,
    parts: Parts,
    changesFile: ChangesFile,
    lock: InstanceLock,
    load: LoadAgain | undefined,
  ) {
    this.workers = workersOf(desired.config)
    this.#desired = desired
    this.#parts = parts
    this.#changesFile = changesFile
    this.#lock = lock
    this.#load = load
  }

  /**
   * Resolves once every worker listens. The operator's changes of earlier runs are in effect then.
   *
   * @param file what the file and the environment say
   * @param firstThread the first worker's thread, if it was started early
   * @param load reads the file again
   * @throws ListenError if a worker or the admin API cannot listen; ConfigError if the access log's file cannot be
   *   opened, or a token of the admin API not be read
   */
  static async start(file: Config, log: Logger, firstThread?: Worker, load?: LoadAgain): Promise<Balancer> {
    const state = new StateDirectory(file.stateDirectory, process.env, (trouble) => log.warn(trouble))
    const instance = instanceOf(file)
    const changesFile = new ChangesFile(state, instance)
    const desired = restored(file, changesFile, log, load)
    const { config } = desired
    for (const warning of warningsOf(config)) log.warn(warning)
    const accessLog = openAccessLog(config.accessLog.file, log)
    const lock = new InstanceLock(instance, state.path)
    if (keepsState(config)) await takeOrWait(lock, instance, state, log)
    const parts = await assemble(config, instance, state, accessLog, log)
    const balancer = new Balancer(desired, parts, changesFile, lock, load)
    const { health, supervisor, slots } = parts
    await health.start()
    try {
      await supervisor.start(balancer.workers, firstThread)
    } catch (error) {
      lock.release()
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

  /** Where the admin API listens; undefined if it is off, or another process has its socket. */
  get adminPlace(): AdminPlace | undefined {
    return this.#admin?.place
  }

  async #startAdmin(): Promise<void> {
    const { events, supervisor, state, log } = this.#parts
    const { config } = this.#desired
    const subject = subjectOf(instanceOf(config), this.#parts)
    const operations = operationsOf(() => ({
      config: this.#desired.config,
      generation: supervisor.snapshot.generation,
    }))
    try {
      this.#admin = await AdminApi.start(config, { subject, operations, events }, state, log)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** What is in effect, and what it is made of. */
  get desired(): DesiredState {
    return this.#desired
  }

  /** The same as `change`, with another configuration under the operator's changes. */
  apply(file: Config): Promise<Applied> {
    return this.change(({ changes }) => desiredState(file, changes))
  }

  /**
   * Reads the file again, and puts it into effect. A configuration that an operator has put in its place stays.
   *
   * @throws ConfigError with everything that is wrong in the file; then nothing has changed
   */
  reload(): Promise<Applied> {
    return this.change(({ base, changes }) => {
      const file = this.#loadAgain()
      return desiredState(changes.config === undefined ? file : base, changes)
    })
  }

  /** What the file says, or the given configuration in its place. Throws ConfigError. */
  #loadAgain(instead?: GivenConfig): Config {
    if (this.#load === undefined) throw new Error('this balancer was started without a file')
    return this.#load(instead)
  }

  /**
   * Puts another desired state into effect, made from the current one; resolves once every worker serves it. What has
   * not changed keeps its state, and exchanges in flight end as they began. The operator's changes are saved first. If
   * this throws, nothing has changed.
   *
   * @throws ConfigError if it changes what only a restart can change, or if there is no room for its servers at present
   * @throws OperationRefused if the operator's changes contradict it, or cannot be saved
   */
  async change(make: (now: DesiredState) => DesiredState): Promise<Applied> {
    const handedOver = this.#handingOver.then(() => this.#handOver(make(this.#desired)))
    // The next configuration does not wait for the workers to acknowledge this one: it may be what brings them back.
    this.#handingOver = handedOver.catch(() => undefined)
    const { acknowledged, ...applied } = await handedOver
    await acknowledged
    const { slots, reclaimer, log } = this.#parts
    if (acknowledged !== undefined) log.info(`generation ${applied.generation}: ${inOneLine(applied.changes)}`)
    slots.acknowledge(applied.generation)
    reclaimer.watch()
    return applied
  }

  /** Applies a desired state to every part; the workers are last. */
  async #handOver(desired: DesiredState): Promise<Applied & { acknowledged?: Promise<void> }> {
    const { slots, reclaimer, sessions, health, skew, supervisor } = this.#parts
    this.#assertRunning()
    const { config: before, conflicts } = this.#desired
    const { config } = desired
    const changes = differenceInWords(before, config)
    if (changes.length === 0) {
      await this.#keep(desired.changes)
      // The objects of before stay, so that nothing takes them for new ones.
      this.#desired = { ...desired, config: before }
      return { generation: supervisor.snapshot.generation, changes }
    }
    const conflict = desired.conflicts.find((each) => !conflicts.includes(each))
    if (conflict !== undefined) throw new OperationRefused('conflict', `${conflict}; reset that change first`)
    assertSameFixedSettings(before, config)
    await reclaimer.reclaim()
    const next = this.#next(config)
    await this.#keep(desired.changes)
    this.#assertRunning()
    this.#desired = desired
    slots.adopt(next)
    this.#warnOfNews(before, config)
    // Sessions, health and skew must know a server before a worker sends it the first request.
    await sessions.apply(config, next)
    this.#assertRunning()
    health.apply(next.upstreams)
    skew.apply(next.upstreams)
    const acknowledged = supervisor.apply(next)
    if (keepsState(config) && !keepsState(before)) await this.#lockState(instanceOf(config))
    return { generation: next.generation, changes, acknowledged }
  }

  /**
   * Saves the operator's changes, which belong to the process that holds the instance.
   *
   * @throws OperationRefused
   */
  async #keep(changes: OperatorChanges): Promise<void> {
    if (changes === this.#desired.changes) return
    const { state } = this.#parts
    const { config } = this.#desired
    const another = (await this.#lock.take()) ? undefined : await warningOfAnother(instanceOf(config), state.path)
    if (another !== undefined) throw new OperationRefused('conflict', another)
    try {
      await this.#changesFile.write(changes)
    } catch (error) {
      const cause = `cannot write ${this.#changesFile.path}: ${(error as Error).message}`
      const hint = 'give a directory that can be written as stateDirectory'
      throw new OperationRefused('not-kept', `the change would be lost at a restart: ${cause} (${hint})`)
    }
  }

  /** The Snapshot that follows the current one; unchanged parts are the same objects. */
  #next(config: Config): Snapshot {
    const { slots, state, supervisor } = this.#parts
    const { snapshot } = supervisor
    const before = { config: this.#desired.config, snapshot }
    const compiled = compile(config, snapshot.generation + 1, slots, () => state.secret(), before)
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

  async #lockState(instance: string): Promise<void> {
    const { state, log } = this.#parts
    await takeOrWait(this.#lock, instance, state, log)
    if (this.#isStopping) this.#lock.release()
  }

  /** Reopens the access log's file, after it was rotated. */
  reopenLog(): void {
    this.#parts.accessLog.reopen()
  }

  /** Lets exchanges in flight finish, then closes everything. */
  async stop(): Promise<void> {
    const { reclaimer, sessions, skew, health, supervisor, accessLog } = this.#parts
    this.#isStopping = true
    // From now on another process may take its place.
    this.#lock.release()
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

/** How many changes a line of the log names. */
const LOGGED = 50

function inOneLine(changes: readonly string[]): string {
  const more = changes.length > LOGGED ? [`${changes.length - LOGGED} more`] : []
  return [...changes.slice(0, LOGGED), ...more].join('; ')
}

/** Takes the lock; if another Limpet holds it, warns, and takes it once that has released it. */
async function takeOrWait(lock: InstanceLock, instance: string, state: StateDirectory, log: Logger): Promise<void> {
  if (await lock.take()) return
  const another = await warningOfAnother(instance, state.path)
  if (another !== undefined) log.warn(another)
  void lock.whenHeld()
}
