import type { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import type { AdminPlace } from '../admin/admin-listener.ts'
import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import { warningsOf } from '../config/warnings.ts'
import type { Listener } from '../runtime/snapshot.ts'
import { AdminApi } from './admin-api.ts'
import { subjectOf } from './admin-subject.ts'
import { ChangesFile } from './desired/changes-file.ts'
import { desiredState } from './desired/desired-state.ts'
import { type LoadAgain, restored } from './desired/restored.ts'
import { DrainOrders } from './drain-orders.ts'
import { workersOf } from './fixed-settings.ts'
import { type Applied, Handover } from './handover.ts'
import { InstanceLock, takeOrWait } from './instance-lock.ts'
import { keepsState } from './kept-sessions.ts'
import { openAccessLog } from './open-access-log.ts'
import { Operator } from './operator.ts'
import { assemble, type Parts } from './parts.ts'
import { Pauses } from './pauses.ts'
import { RunInstance } from './run-instance.ts'
import { StateDirectory } from './state-directory.ts'

/** A running load balancer: what `limpet run` starts and stops. */
export class Balancer {
  readonly #parts: Parts
  readonly #lock: InstanceLock
  readonly #handover: Handover
  readonly #drains: DrainOrders
  readonly #pauses: Pauses
  readonly #load: LoadAgain | undefined
  #admin: AdminApi | undefined

  private constructor(
    parts: Parts,
    lock: InstanceLock,
    handover: Handover,
    drains: DrainOrders,
    pauses: Pauses,
    load: LoadAgain | undefined,
  ) {
    this.#parts = parts
    this.#lock = lock
    this.#handover = handover
    this.#drains = drains
    this.#pauses = pauses
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
    const instance = new RunInstance(file, state)
    const name = instanceOf(instance.name(file))
    const changesFile = new ChangesFile(state, name)
    const desired = restored(file, changesFile, log, load)
    const config = instance.name(desired.config)
    for (const warning of warningsOf(config)) log.warn(warning)
    const accessLog = openAccessLog(config.accessLog.file, log)
    const lock = new InstanceLock(name, state.path)
    if (keepsState(config)) await takeOrWait(lock, name, state.path, log)
    const parts = await assemble(config, name, state, accessLog, log)
    const drains = new DrainOrders(parts, desired, (make) => handover.change(make))
    const pauses = new Pauses((make, by) => handover.change(make, by), log)
    const users = [drains, pauses]
    const handover: Handover = new Handover(parts, instance, lock, changesFile, desired, config, users)
    const balancer = new Balancer(parts, lock, handover, drains, pauses, load)
    const { health, supervisor, slots } = parts
    await health.start()
    try {
      await supervisor.start(workersOf(config), firstThread)
    } catch (error) {
      lock.release()
      health.stop()
      throw error
    }
    slots.acknowledge(supervisor.snapshot.generation)
    pauses.adopted(desired)
    parts.questions.apply(supervisor.snapshot.upstreams)
    await balancer.#startAdmin()
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

  async #startAdmin(): Promise<void> {
    const { events, wishes, state, log } = this.#parts
    const { config } = this.#handover
    const subject = subjectOf(instanceOf(config), this.#parts)
    const operations = new Operator(this.#parts, this.#handover, this.#drains, this.#load, () => this.upgrade())
    wishes.grantBy(operations, (line) => log.warn(line))
    try {
      this.#admin = await AdminApi.start(config, { subject, operations, events }, state, log)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /**
   * Puts another configuration under the operator's changes: see `Handover.change`, which says what it throws. If it
   * throws, nothing has changed.
   */
  apply(file: Config): Promise<Applied> {
    return this.#handover.change(({ changes }) => desiredState(file, changes))
  }

  /**
   * Reads the file again, and puts it into effect. A configuration that an operator has put in its place stays.
   *
   * @throws ConfigError with everything that is wrong in the file; then nothing has changed
   */
  reload(): Promise<Applied> {
    return this.#handover.change(({ base, changes }) => {
      if (this.#load === undefined) throw new Error('this balancer was started without a file')
      const file = this.#load()
      return desiredState(changes.config === undefined ? file : base, changes)
    })
  }

  /** Starts the program that is now on disk in place of this one. */
  async upgrade(): Promise<{ readonly pid: number }> {
    throw new Error('Limpet cannot replace its own program yet; to upgrade, restart it')
  }

  /** Reopens the access log's file, after it was rotated. */
  reopenLog(): void {
    this.#parts.accessLog.reopen()
  }

  /** Lets exchanges in flight finish, then closes everything. */
  async stop(): Promise<void> {
    const { reclaimer, sessions, skew, rebalancer, health, questions, supervisor, accessLog } = this.#parts
    this.#handover.close()
    this.#drains.close()
    this.#pauses.close()
    // From now on another process may take its place.
    this.#lock.release()
    // Exchanges in flight may take long to finish, and the next run should not wait for the sessions until then.
    void sessions.flush()
    await this.#admin?.close()
    reclaimer.close()
    skew.close()
    questions.close()
    rebalancer.close()
    health.stop()
    await supervisor.stop()
    await sessions.close()
    await accessLog.close()
  }
}
