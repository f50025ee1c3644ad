import type { Worker } from 'node:worker_threads'
import type { AdminPlace, PortPlace } from '../admin/admin-listener.ts'
import { OperationRefused } from '../admin/operation-refused.ts'
import type { Phase } from '../admin/readiness.ts'
import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import type { Listener } from '../runtime/snapshot.ts'
import { WorkerCell } from '../runtime/tallies/layout.ts'
import { AdminApi } from './admin/admin-api.ts'
import { metricsOf } from './admin/admin-metrics.ts'
import { subjectOf } from './admin/admin-subject.ts'
import { Bans } from './bans/bans.ts'
import { desiredState, reloaded } from './desired/desired-state.ts'
import type { Found } from './desired/found.ts'
import { Pauses } from './desired/pauses.ts'
import type { LoadAgain } from './desired/restored.ts'
import { DrainOrders } from './drains/drain-orders.ts'
import { workersOf } from './fixed-settings.ts'
import { type Beginning, layFoundations, type Opened } from './foundations.ts'
import { type Applied, Handover } from './handover.ts'
import type { Metrics } from './metrics/metrics.ts'
import { MetricsListener } from './metrics/metrics-listener.ts'
import type { Operator } from './operator.ts'
import { assemble, type Parts } from './parts.ts'
import type { Planner } from './planner.ts'
import { keepsState } from './sessions/kept-sessions.ts'
import type { InstanceLock } from './state/instance-lock.ts'
import { Renewals } from './tls/renewals.ts'
import type { TlsStore } from './tls/tls-store.ts'
import type { Inheritance } from './upgrade/inheritance.ts'
import type { Predecessor } from './upgrade/predecessor.ts'
import { addCounts } from './upgrade/server-states.ts'
import { activatedSockets } from './workers/activation/activated-sockets.ts'
import { withRealPorts } from './workers/real-ports.ts'

/** A running load balancer: what `limpet run` starts and stops. */
export class Balancer {
  readonly #parts: Parts
  readonly #lock: InstanceLock
  readonly #handover: Handover
  readonly #drains: DrainOrders
  readonly #bans: Bans
  readonly #load: LoadAgain
  readonly #metrics: Metrics
  #admin: AdminApi | undefined
  #phase: Phase = 'starting'
  #metricsListener: MetricsListener | undefined
  /** Resolves once the process that this one replaced has ended; undefined if it replaced none. */
  #predecessorEnded: Promise<void> | undefined
  /** Aborted when it stops. */
  readonly #stopping = new AbortController()
  readonly #replaced = Promise.withResolvers<void>()

  private constructor(
    parts: Parts,
    lock: InstanceLock,
    handover: Handover,
    drains: DrainOrders,
    bans: Bans,
    load: LoadAgain,
  ) {
    this.#parts = parts
    this.#lock = lock
    this.#handover = handover
    this.#drains = drains
    this.#bans = bans
    this.#load = load
    this.#metrics = metricsOf(parts, drains)
  }

  /**
   * Resolves once every worker listens. The operator's changes of earlier runs are in effect then.
   *
   * @param firstThread the first worker's thread, if it was started early
   * @throws ListenError if a worker or the admin API cannot listen; ConfigError if the access log's file cannot be
   *   opened, or a token of the admin API not be read
   */
  static async start(beginning: Beginning, firstThread?: Worker): Promise<Balancer> {
    const opened: Opened[] = []
    try {
      return await Balancer.#start(opened, beginning, firstThread)
    } catch (error) {
      for (const each of opened) each.close()
      throw error
    }
  }

  /** @param opened what goes on by itself from now on, and is closed where the start fails */
  static async #start(opened: Opened[], beginning: Beginning, firstThread: Worker | undefined): Promise<Balancer> {
    const { log, load, predecessor } = beginning
    const foundations = await layFoundations(opened, beginning, (answers) => parts.supervisor.answerChallenges(answers))
    const { desired, config, instance, lock, keptChanges, bansFile, keptBans, inherited } = foundations
    const { tls, acme, keys, hosts, events, discovery } = foundations
    const parts: Parts = await assemble(foundations)
    const drains = new DrainOrders(parts, desired, (make) => handover.change(make))
    const pauses = new Pauses((make, by) => handover.change(make, by), log)
    const renewals = new Renewals(tls, (make, by) => handover.change(make, by), log)
    renewals.follow(acme)
    keys.onChange = () => handover.change((now) => now, 'keys of tokens')
    hosts.onChange = () => handover.change((now) => now, 'DNS')
    const users = [drains, pauses, renewals, acme, keys, discovery]
    const handover: Handover = new Handover(parts, instance, lock, keptChanges, desired, config, users)
    const bans = new Bans(keptBans, {
      file: bansFile,
      log,
      events,
      publish: (change) => parts.supervisor.changeBans(change),
      between: (act) => handover.between(act),
      assertHolds: () => lock.assertHeld(),
    })
    const again = load ? withFilesRead(load, tls) : withoutFile
    const balancer = new Balancer(parts, lock, handover, drains, bans, again)
    const { health, supervisor, slots } = parts
    // One that is replaced answers until this one serves.
    if (predecessor === undefined) await balancer.#startAdmin()
    await health.start()
    beginning.serving?.()
    try {
      const sockets =
        inherited?.sockets ??
        activatedSockets(supervisor.snapshot.listeners, process.env, (...warning) => log.warn(...warning))
      await supervisor.start(
        workersOf(config),
        firstThread,
        sockets,
        realListeners(supervisor.snapshot.listeners, inherited),
      )
    } catch (error) {
      handover.close()
      health.stop()
      await Promise.all([balancer.#admin?.close(), balancer.#metricsListener?.close()])
      // Workers that have accepted connections of the process that goes on finish them.
      if (predecessor !== undefined) await supervisor.stop()
      throw error
    }
    slots.acknowledge(supervisor.snapshot.generation)
    parts.tallies.set(WorkerCell.AppliedAt, Date.now() / 1000)
    pauses.adopted(desired)
    renewals.adopted()
    acme.begin()
    keys.follow(config)
    discovery.begin(
      (found, by) => balancer.#putFound(found, by),
      () => supervisor.snapshot.listeners,
    )
    parts.questions.apply(supervisor.snapshot.upstreams)
    parts.traffic.start()
    balancer.#phase = 'serving'
    if (predecessor !== undefined) {
      balancer.#metrics.wait(predecessor.countsKnown)
      await balancer.#startAdmin(inherited)
      await balancer.#follow(predecessor)
    }
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

  /** Where metrics are served, and nothing else; undefined if nowhere. */
  get metricsPlace(): PortPlace | undefined {
    return this.#metricsListener?.place
  }

  async #startAdmin(inherited?: Inheritance): Promise<void> {
    const { events, traffic, tail, wishes, state, log } = this.#parts
    const { config } = this.#handover
    const subject = subjectOf(instanceOf(config), this.#parts, () => this.#phase)
    const administered = async () => {
      const [operations, planning] = await Promise.all([this.#operator(), this.#planner()])
      return { subject, operations, planning, bans: this.#bans, events, traffic, tail, metrics: this.#metrics }
    }
    wishes.grantBy(
      () => this.#operator(),
      (...warning) => log.warn(...warning),
    )
    try {
      this.#admin = await AdminApi.start(config, administered, state, log, inherited?.admin)
      this.#metricsListener = await MetricsListener.start(config, this.#metrics, log, inherited?.metrics)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Loaded when it is first needed: most Limpets are never asked to change anything. */
  async #operator(): Promise<Operator> {
    const { Operator } = await import('./operator.ts')
    return new Operator(this.#parts, this.#handover, this.#drains, this.#load, () => this.upgrade())
  }

  async #planner(): Promise<Planner> {
    const { Planner } = await import('./planner.ts')
    return new Planner(this.#parts, this.#handover, this.#load)
  }

  /**
   * Puts another configuration under the operator's changes: see `Handover.change`, which says what it throws. If it
   * throws, nothing has changed.
   */
  apply(file: Config): Promise<Applied> {
    return this.#handover.change(({ found, changes }) => desiredState(file, found, changes))
  }

  async #putFound(found: Found, by: string): Promise<void> {
    const { changes } = await this.#handover.change((now) => desiredState(now.file, found, now.changes), by)
    if (changes.length > 0) this.#parts.tallies.count(WorkerCell.DiscoveryApplies)
  }

  /**
   * Reads the file again, and puts it into effect. A configuration that an operator has put in its place stays.
   *
   * @throws ConfigError with everything that is wrong in the file; then nothing has changed
   */
  reload(): Promise<Applied> {
    return this.#handover.change((now) => reloaded(now, this.#load()))
  }

  /**
   * Starts the program that is on the disk now, and hands over to it. Resolves once it serves: then this process accepts no
   * more connections, and `replaced` resolves once it has none. If it rejects, nothing has changed.
   *
   * @throws UpgradeError if the new program does not come up
   */
  async upgrade(): Promise<{ readonly pid: number }> {
    const { events, log } = this.#parts
    events.add({ type: 'upgrade', state: 'started', pid: null, message: 'the program on the disk is started' })
    try {
      const { pid } = await this.#handover.between(() => this.#upgrade())
      const message = `process ${pid} serves from now on; this one ends with its last connection`
      log.info(message, { event: 'upgraded', pid })
      events.add({ type: 'upgrade', state: 'taken-over', pid, message })
      return { pid }
    } catch (error) {
      const { message: cause } = error as Error
      const message = `${cause}; the program is not replaced`
      log.error(message, { event: 'upgrade-failed', cause })
      events.add({ type: 'upgrade', state: 'failed', pid: null, message })
      throw error
    }
  }

  async #upgrade(): Promise<{ readonly pid: number }> {
    const { HandOver } = await import('./upgrade/hand-over.ts')
    const { config } = this.#handover
    const listeners = config.listeners.map((written, index) => ({ written, real: this.listeners[index]! }))
    const estate = {
      instance: instanceOf(config),
      listeners,
      admin: this.#admin?.socket,
      metrics: this.#metricsListener?.socket,
    }
    const handOver = await HandOver.begin(this.#parts, estate, this.#stopping.signal)
    this.#phase = 'replaced'
    this.#metrics.beforeShown = () => handOver.report()
    this.#handover.close('another process has replaced this one; connect again to reach it')
    this.#lock.release()
    this.#admin?.leave()
    this.#metricsListener?.leave()
    this.#parts.hosts.close()
    this.#parts.traffic.close()
    this.#parts.skew.close()
    this.#parts.questions.close()
    void handOver.finish(this.#predecessorEnded).then(this.#replaced.resolve)
    return { pid: handOver.pid }
  }

  /** Takes over from the process that this one replaces, until that has ended. */
  async #follow(predecessor: Predecessor): Promise<void> {
    const { sessions, scoreboard, supervisor, counts } = this.#parts
    predecessor.onCounted = (servers) => addCounts(supervisor.snapshot, scoreboard, servers)
    this.#predecessorEnded = predecessor.ended
    predecessor.onCounts = (counted) => counts.add(counted)
    if (keepsState(this.#handover.config)) void this.#lock.whenHeld()
    await sessions.keepInStep()
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
    const { reclaimer, sessions, skew, rebalancer, health, questions, supervisor, tracing, traffic, tail, accessLog } =
      this.#parts
    if (this.#phase !== 'replaced') this.#phase = 'stopping'
    this.#stopping.abort()
    this.#handover.close()
    this.#parts.hosts.close()
    // From now on another process may take its place.
    this.#lock.release()
    // Exchanges in flight may take long to finish, and the next run should not wait for the sessions until then.
    void sessions.flush()
    this.#admin?.stop()
    traffic.close()
    tail.close()
    reclaimer.close()
    skew.close()
    questions.close()
    rebalancer.close()
    health.stop()
    await supervisor.stop()
    await Promise.all([
      sessions.close(),
      accessLog.close(),
      tracing.close(),
      this.#admin?.close(),
      this.#metricsListener?.close(),
    ])
  }
}

/** Reads the files again that the configuration names, too. */
function withFilesRead(load: LoadAgain, tls: TlsStore): LoadAgain {
  return (instead) => {
    const config = load(instead)
    tls.refresh()
    return config
  }
}

function withoutFile(): never {
  throw new OperationRefused('failed', 'this Limpet was started without a file')
}

/** The listeners, with the ports of sockets that this process was given in place of 0. */
function realListeners(listeners: readonly Listener[], inherited: Inheritance | undefined): readonly Listener[] {
  const known = inherited?.listeners ?? []
  const [written, real] = [known.map(({ written }) => written), known.map(({ real }) => real)]
  return withRealPorts(listeners, written, real)
}
