import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { OperationRefused } from '../admin/operation-refused.ts'
import type { Config } from '../config/schema.ts'
import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import { difference, patched, type SnapshotPatch } from '../runtime/snapshot-patch.ts'
import { WorkerCell } from '../runtime/tallies/layout.ts'
import { compile } from './compile.ts'
import { newWarnings } from './config-warnings.ts'
import type { DesiredState } from './desired/desired-state.ts'
import { differenceInWords } from './desired/difference-in-words.ts'
import { withGradualRemovals } from './desired/gradual-removal.ts'
import type { KeptChanges } from './desired/kept-changes.ts'
import type { OperatorChanges } from './desired/operator-changes.ts'
import { assertSameFixedSettings, workersOf } from './fixed-settings.ts'
import { addressChanges, type HostAddresses } from './names/host-addresses.ts'
import { moveAccessLog } from './open-access-log.ts'
import type { Parts } from './parts.ts'
import { keepsState } from './sessions/kept-sessions.ts'
import type { InstanceLock } from './state/instance-lock.ts'
import type { RunInstance } from './state/run-instance.ts'
import { materialChanges, type TlsMaterial } from './tls/tls-material.ts'
import { withRealPorts } from './workers/real-ports.ts'

/** What a change of the configuration has come to. */
export interface Applied {
  /** The generation that is in effect in every worker. */
  readonly generation: number
  /** What has changed, one sentence each; empty if nothing has. */
  readonly changes: readonly string[]
}

/** A configuration that the workers have been sent. */
interface Underway {
  /** Resolves once every worker serves it. */
  readonly acknowledged: Promise<void>
  readonly revision: string
  readonly before: Config
  readonly after: Config
}

/** Something that follows what is desired. */
export interface HandoverUser {
  /** @param config the configuration before: the same if only the operator's changes are others */
  adopted(desired: DesiredState, before: Config): void
  /** Nothing is applied any more, so it asks for nothing either. */
  close(): void
}

/**
 * Puts one desired state after the other into effect: all changes of the configuration, whoever makes them, come through
 * here, in order.
 */
export class Handover {
  readonly #parts: Parts
  readonly #instance: RunInstance
  readonly #lock: InstanceLock
  readonly #keptChanges: KeptChanges
  readonly #users: readonly HandoverUser[]
  readonly #run = randomBytes(6).toString('base64url')
  #desired: DesiredState
  /** The configuration in effect, under the name of the run's instance. */
  #config: Config
  #last: Promise<unknown> = Promise.resolve()
  /** Increases with each change of the desired state. */
  #version = 1
  /** The reason why no more changes are applied, once there is one. */
  #closedFor: string | undefined

  constructor(
    parts: Parts,
    instance: RunInstance,
    lock: InstanceLock,
    keptChanges: KeptChanges,
    desired: DesiredState,
    config: Config,
    users: readonly HandoverUser[],
  ) {
    this.#parts = parts
    this.#instance = instance
    this.#lock = lock
    this.#keptChanges = keptChanges
    this.#desired = desired
    this.#config = config
    this.#users = users
  }

  /** What is in effect, and what it is made of. */
  get desired(): DesiredState {
    return this.#desired
  }

  /** The configuration in effect. */
  get config(): Config {
    return this.#config
  }

  /** A configuration under the name of the run's instance. */
  named(config: Config): Config {
    return this.#instance.name(config)
  }

  /** Identifies the desired state: another one after each change, and in another run. */
  get revision(): string {
    return `${this.#run}-${this.#version}`
  }

  /**
   * Puts another desired state into effect, made from the current one; resolves once every worker serves it. What has
   * not changed keeps its state, and exchanges in flight end as they began. The operator's changes are saved first. If
   * this throws, nothing has changed.
   *
   * @throws ConfigError if it changes what only a restart can change, or if there is no room for its servers at present;
   *   ListenError if a worker cannot listen on one of its listeners; OperationRefused if the operator's changes contradict
   *   it, or cannot be saved; and whatever `make` throws
   * @param by who has asked for it, for the log
   */
  async change(make: (now: DesiredState) => DesiredState, by?: string): Promise<Applied> {
    const handedOver = this.#last.then(() => this.#handOver(make(this.#desired)))
    // The next configuration does not wait for the workers to acknowledge this one: it may be what brings them back.
    this.#last = handedOver.catch(() => this.#parts.tallies.count(WorkerCell.AppliesRefused))
    const { underway, ...applied } = await handedOver
    if (underway === undefined) return applied
    await underway.acknowledged
    this.#countApplied()
    const { slots, reclaimer, events, applies, log } = this.#parts
    const { generation, changes } = applied
    const { revision, before, after } = underway
    log.info(`generation ${generation}${by === undefined ? '' : ` (${by})`}: ${inOneLine(changes)}`, {
      event: 'applied',
      generation,
      by,
      changes: changes.slice(0, LOGGED),
    })
    events.add({ type: 'applied', generation, revision: this.revision, changes })
    applies.add({ generation, revision, by, changes }, before, after)
    slots.acknowledge(generation)
    reclaimer.watch()
    return applied
  }

  #countApplied(): void {
    const { tallies } = this.#parts
    tallies.count(WorkerCell.AppliesOk)
    tallies.set(WorkerCell.AppliedAt, Date.now() / 1000)
  }

  /**
   * Does something between two changes of the configuration.
   *
   * @throws OperationRefused if nothing is applied any more
   */
  async between<Result>(act: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(() => {
      this.#assertOpen()
      return act()
    })
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Nothing is applied any more, and what follows the desired state ends. */
  close(why = 'Limpet is stopping'): void {
    this.#closedFor ??= why
    for (const user of this.#users) user.close()
  }

  get #isClosed(): boolean {
    return this.#closedFor !== undefined
  }

  /** Applies a desired state to every part; the workers are last. */
  async #handOver(wanted: DesiredState): Promise<Applied & { readonly underway?: Underway }> {
    const { slots, tls, hosts, sessions, health, skew, rebalancer, tracing, questions, supervisor } = this.#parts
    this.#assertOpen()
    const desired = withGradualRemovals(this.#desired, wanted, Date.now())
    const before = this.#config
    const config = this.#instance.name(desired.config)
    const material = tls.materialFor(config)
    const addresses = await hosts.addressesFor(config)
    this.#assertOpen()
    const changes = [
      ...differenceInWords(before, config),
      ...materialChanges(tls.material, material),
      ...addressChanges(hosts.addresses, addresses),
    ]
    if (changes.length === 0) {
      await this.#keep(desired.changes)
      tls.adopt(material)
      hosts.adopt(addresses, config)
      // The former configuration stays, so that nothing takes its parts for new ones.
      this.#adopt({ ...desired, config: this.#desired.config }, before)
      return { generation: supervisor.snapshot.generation, changes }
    }
    const { next, patch } = await this.#prepared(desired, config, material, addresses)
    slots.adopt(next)
    // Sessions, health and skew must know a server before a worker sends it the first request.
    await sessions.apply(config, next)
    this.#assertOpen()
    health.apply(next.upstreams)
    skew.apply(next.upstreams)
    rebalancer.apply(next.upstreams)
    const acknowledged = supervisor.apply(next, patch)
    tracing.apply(config.tracing, acknowledged)
    // Not before: if a part fails, the same change is not taken for one that is in effect. Users find the new Snapshot.
    this.#config = config
    tls.adopt(material)
    hosts.adopt(addresses, config)
    this.#adopt(desired, before)
    this.#warnOfNews(before)
    questions.apply(next.upstreams)
    if (keepsState(config) && !keepsState(before)) await this.#takeLock()
    this.#instance.keep(desired.config)
    await supervisor.reduce(workersOf(config))
    return {
      generation: next.generation,
      changes,
      underway: { acknowledged, revision: this.revision, before, after: config },
    }
  }

  #adopt(desired: DesiredState, before: Config): void {
    for (const conflict of desired.conflicts)
      if (!this.#desired.conflicts.includes(conflict)) this.#parts.log.warn(conflict, { event: 'change-conflict' })
    if (desired.changes !== this.#desired.changes || desired.config !== this.#desired.config) this.#version++
    this.#desired = desired
    for (const user of this.#users) user.adopted(desired, before)
  }

  /** Does everything that may fail, and takes it back if it does. Returns the next Snapshot, and what leads to it. */
  async #prepared(
    desired: DesiredState,
    config: Config,
    material: TlsMaterial,
    addresses: HostAddresses,
  ): Promise<{ readonly next: Snapshot; readonly patch: SnapshotPatch }> {
    const { reclaimer, supervisor } = this.#parts
    const conflict = desired.conflicts.find((each) => !this.#desired.conflicts.includes(each))
    // What was found takes effect nevertheless: then the operator's change has none.
    const isFound = desired.found !== this.#desired.found
    if (conflict !== undefined && !isFound)
      throw new OperationRefused('conflict', `${conflict}; reset that change first`)
    assertSameFixedSettings(this.#config, config)
    await reclaimer.reclaim()
    // Nothing is opened for a configuration that cannot be compiled.
    const compiled = this.#compile(config, material, addresses)
    const listeners = await this.#listen(config, compiled.listeners)
    try {
      this.#moveLog(this.#config, config)
      try {
        await this.#keep(desired.changes)
        this.#assertOpen()
      } catch (error) {
        this.#moveLog(config, this.#config)
        throw error
      }
    } catch (error) {
      await supervisor.cancel()
      throw error
    }
    const patch = difference(supervisor.snapshot, { ...compiled, listeners })
    // Unchanged parts are the same objects.
    return { next: patched(supervisor.snapshot, patch), patch }
  }

  #compile(config: Config, material: TlsMaterial, addresses: HostAddresses): Snapshot {
    const { slots, state, hosts, supervisor } = this.#parts
    const { snapshot } = supervisor
    return compile(config, snapshot.generation + 1, slots, () => state.secret(), material, addresses, {
      config: this.#config,
      snapshot,
      hosts: hosts.addresses,
    })
  }

  /** Has workers listen on what is new, and start where there are to be more; returns the listeners, with real ports. */
  async #listen(config: Config, compiled: readonly Listener[]): Promise<readonly Listener[]> {
    const { supervisor } = this.#parts
    const { listeners } = supervisor.snapshot
    const wanted = withRealPorts(compiled, this.#config.listeners, listeners)
    const isSame = isDeepStrictEqual(wanted, listeners) && workersOf(config) === supervisor.wantedWorkers
    return isSame ? listeners : supervisor.prepare(wanted, workersOf(config))
  }

  /** The access log goes on in the file of the next configuration. */
  #moveLog({ accessLog: { file: from } }: Config, { accessLog: { file: to } }: Config): void {
    if (to !== from) moveAccessLog(this.#parts.accessLog, to)
  }

  async #keep(changes: OperatorChanges): Promise<void> {
    if (changes !== this.#desired.changes) await this.#keptChanges.keep(changes)
  }

  async #takeLock(): Promise<void> {
    await this.#lock.takeOrWait(this.#parts.log)
    if (this.#isClosed) this.#lock.release()
  }

  #warnOfNews(before: Config): void {
    const { state, log } = this.#parts
    for (const warning of newWarnings(before, this.#config, state)) log.warn(warning, { event: 'config-warning' })
  }

  #assertOpen(): void {
    if (this.#isClosed)
      throw new OperationRefused('not-serving', `nothing is changed here any more: ${this.#closedFor}`)
  }
}

/** How many changes a line of the log names. */
const LOGGED = 50

function inOneLine(changes: readonly string[]): string {
  const more = changes.length > LOGGED ? [`${changes.length - LOGGED} more`] : []
  return [...changes.slice(0, LOGGED), ...more].join('; ')
}
