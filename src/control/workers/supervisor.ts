import type { Worker } from 'node:worker_threads'
import { type Ban, type BanChange, BanList } from '../../runtime/ban-list.ts'
import { assertWithin, MAX_WORKERS } from '../../runtime/bounds.ts'
import { type ChallengeAnswers, NO_CHALLENGES } from '../../runtime/challenge-answers.ts'
import { KeyedLimits } from '../../runtime/keyed-limits.ts'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import type { Listener, Snapshot } from '../../runtime/snapshot.ts'
import { difference, type SnapshotPatch } from '../../runtime/snapshot-patch.ts'
import type { Tallies } from '../../runtime/tallies.ts'
import type { WatchedRequests } from '../../worker/messages.ts'
import type { InheritedSocket } from '../upgrade/inheritance.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { Sockets } from './sockets.ts'
import { WorkerLink, type WorkerReports } from './worker-link.ts'
import { startWorkerThread } from './worker-thread.ts'

/** The reports of the supervisor and its workers. */
export interface SupervisorEvents extends WorkerReports {
  /** A worker died, and another replaces it in `ms`. */
  workerDied(slot: number, cause: string, ms: number): void
}

/**
 * A worker that dies within this time after its start, in ms, counts as an early death, which delays its replacement.
 */
const SETTLED = 10_000
const LONGEST_PAUSE = 10_000
/** Over how long the WebSockets and calls of a worker are closed whose time is over, in ms, so that clients do not all come back at once. */
const TUNNELS_WITHIN = 1000

/**
 * Runs the workers: starts them on the same ports, sends them each new Snapshot, replaces those that die, and stops
 * them all.
 */
export class Supervisor {
  readonly #scoreboard: Scoreboard
  readonly #sessions: SessionTable
  readonly #tallies: Tallies
  readonly #events: SupervisorEvents
  readonly #sockets: Sockets
  readonly #workers = new Set<WorkerLink>()
  #snapshot: Snapshot
  readonly #acknowledgements = new Acknowledgements()
  /** The slots of the workers to run. */
  readonly #slots = new Set<number>()
  #challenges: ChallengeAnswers
  /** What limits know of their keys. */
  readonly #keyedLimits: KeyedLimits
  /** The clients that workers refuse. */
  readonly bans: BanList
  #watches: readonly WatchedRequests[] = []
  #stopping = false
  #cancel: (() => Promise<void>) | undefined
  #deaths = 0
  /** By worker slot. */
  readonly #restarts = new Map<number, NodeJS.Timeout>()

  /**
   * @param challenges what workers answer to certificate authorities
   * @param bans the clients that they refuse
   */
  constructor(
    snapshot: Snapshot,
    scoreboard: Scoreboard,
    sessions: SessionTable,
    tallies: Tallies,
    events: SupervisorEvents,
    challenges = NO_CHALLENGES,
    bans: Iterable<Ban> = [],
    keyedLimits = new KeyedLimits(),
  ) {
    this.#keyedLimits = keyedLimits
    this.bans = new BanList(bans)
    this.#challenges = challenges
    this.#snapshot = snapshot
    this.#scoreboard = scoreboard
    this.#sessions = sessions
    this.#tallies = tallies
    this.#events = events
    this.#sockets = new Sockets(() => this.#serving)
  }

  /**
   * Starts that many workers; resolves, once all of them listen, to their listeners.
   *
   * @param firstThread the first worker's thread, if it was started early
   * @param inherited listening sockets that this process was given
   * @param listeners those of the Snapshot, with the real ports of sockets that were given in place of 0
   * @throws ListenError
   */
  async start(
    workers: number,
    firstThread?: Worker,
    inherited: readonly InheritedSocket[] = [],
    listeners = this.#snapshot.listeners,
  ): Promise<readonly Listener[]> {
    assertWithin(workers, MAX_WORKERS, 'workers')
    for (let slot = 0; slot < workers; slot++) this.#slots.add(slot)
    await this.#sockets.assign(listeners, workers, inherited)
    // The first worker resolves each port 0 to a real one, for all to share.
    await this.#launch(0, firstThread)
    this.#snapshot = { ...this.#snapshot, listeners: this.#sockets.listeners }
    await Promise.all(Array.from({ length: workers - 1 }, (_, index) => this.#launch(index + 1)))
    return this.#snapshot.listeners
  }

  /**
   * Prepares a Snapshot with these listeners, and that many workers: every worker listens on what is new, and workers that are
   * missing start. If this throws, nothing has changed.
   *
   * @returns the listeners, with real ports in place of 0
   * @throws ListenError
   */
  async prepare(listeners: readonly Listener[], workers: number): Promise<readonly Listener[]> {
    const before = this.#slots.size
    const prepared = await this.#sockets.add(listeners)
    this.#cancel = async () => {
      this.#cancel = undefined
      await this.reduce(before)
      await this.#sockets.remove(this.#snapshot.listeners)
    }
    try {
      while (this.#slots.size < workers) await this.#launch(this.#takeSlot())
    } catch (error) {
      await this.cancel()
      throw error
    }
    return prepared
  }

  /** Takes back what was prepared for a Snapshot that is not applied. */
  async cancel(): Promise<void> {
    await this.#cancel?.()
  }

  /**
   * Puts another Snapshot, whose listeners are prepared, into effect in all workers. Resolves once every one has
   * acknowledged it; a worker that dies meanwhile is replaced by one that starts with it, which counts once it listens.
   *
   * @param patch what leads to it from the current one
   */
  async apply(next: Snapshot, patch: SnapshotPatch = difference(this.#snapshot, next)): Promise<void> {
    this.#snapshot = next
    this.#cancel = undefined
    for (const worker of this.#workers) worker.apply(patch)
    const removed = this.#sockets.remove(next.listeners)
    await this.#acknowledgements.reach(next.generation)
    await removed
  }

  /** Has all workers give these answers to certificate authorities. Resolves once they do; workers that start later do, too. */
  async answerChallenges(answers: ChallengeAnswers): Promise<void> {
    this.#challenges = answers
    await Promise.all(this.#serving.map((worker) => worker.answerChallenges(answers)))
  }

  /** Has all workers refuse other clients. Resolves once they do; workers that start later do, too. */
  async changeBans(change: BanChange): Promise<void> {
    this.bans.change(change)
    await Promise.all(Array.from(this.#workers, (worker) => worker.changeBans(change)))
  }

  /** Requests need not wait for newer keys of that URL any longer. */
  settleKeys(url: string): void {
    for (const worker of this.#workers) worker.settleKeys(url)
  }

  /** Clients need not wait for a certificate of that host any longer. */
  settleDemand(host: string): void {
    for (const worker of this.#workers) worker.settleDemand(host)
  }

  /** Asks all workers for ids of sessions on a server; they come as reports. */
  wantIds(upstream: string, server: number): void {
    for (const worker of this.#workers) worker.wantIds(upstream, server)
  }

  /** Has all workers send samples of these requests, and of no others; workers that start later do, too. */
  watchRequests(watches: readonly WatchedRequests[]): void {
    this.#watches = watches
    for (const worker of this.#workers) worker.watchRequests(watches)
  }

  /**
   * Has no more than that many workers: the others hand over their sockets, and end once their connections have.
   *
   * @throws ListenError if one cannot hand over its sockets; it stays
   */
  async reduce(workers: number): Promise<void> {
    for (const slot of [...this.#slots].sort((one, other) => one - other).slice(workers)) await this.#retire(slot)
  }

  /** The number of workers to run; some may be dead at present. */
  get wantedWorkers(): number {
    return this.#slots.size
  }

  /**
   * Closes the tunnels and calls of gRPC that are open now to the server of that slot, in all workers, each at a random moment
   * within `spread` ms. Asked for again, it closes none later than before.
   */
  closeTunnels(server: number, spread: number): void {
    for (const worker of this.#workers) worker.closeTunnels(server, spread)
  }

  /** The current number of workers. */
  get workers(): number {
    return this.#serving.length
  }

  /** The slots of the current workers. */
  get workerSlots(): readonly number[] {
    return this.#serving.map(({ slot }) => slot)
  }

  /** The current Snapshot. */
  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /** Lets exchanges in flight finish, for the time that the configuration allows, and ends all workers. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const restart of this.#restarts.values()) clearTimeout(restart)
    this.#sockets.removeFiles()
    const workers = [...this.#workers]
    await Promise.all(workers.map((worker) => this.#stop(worker)))
    this.#acknowledgements.close()
  }

  /** The listening sockets, to be handed over to another process. */
  get sockets(): readonly InheritedSocket[] {
    return this.#sockets.descriptors
  }

  /** Another process listens on the sockets: lets all connections end, and resolves once they have. */
  async drain(): Promise<void> {
    this.#slots.clear()
    for (const restart of this.#restarts.values()) clearTimeout(restart)
    this.#sockets.leave()
    for (const worker of this.#serving) this.#drain(worker)
    await Promise.all(Array.from(this.#workers, ({ ended }) => ended))
  }

  /** Lets a worker's connections end, for the time that the configuration allows. */
  #drain(worker: WorkerLink): void {
    worker.drain()
    const { upgrade } = this.#snapshot.timeouts
    const timer = upgrade === 0 ? undefined : setTimeout(() => this.#endDrain(worker), upgrade)
    void worker.ended.then(() => clearTimeout(timer))
  }

  /** The time for its connections is over. WebSockets and calls of gRPC end politely, and everything else as at a stop. */
  #endDrain(worker: WorkerLink): void {
    const servers = this.#snapshot.upstreams.flatMap((upstream) => upstream.servers)
    for (const { slot } of servers) worker.closeTunnels(slot, TUNNELS_WITHIN)
    void this.#stop(worker)
  }

  get #serving(): readonly WorkerLink[] {
    return [...this.#workers].filter(({ isDraining }) => !isDraining)
  }

  async #stop(worker: WorkerLink): Promise<void> {
    worker.stop()
    const { stop } = this.#snapshot.timeouts
    const timer = stop === 0 ? undefined : setTimeout(() => worker.terminate(), stop)
    await worker.ended
    clearTimeout(timer)
  }

  /** The lowest slot that no worker has. */
  #takeSlot(): number {
    const taken = new Set([...this.#slots, ...Array.from(this.#workers, ({ slot }) => slot)])
    let slot = 0
    while (taken.has(slot)) slot++
    assertWithin(slot + 1, MAX_WORKERS, 'workers, those that still have connections included')
    this.#slots.add(slot)
    return slot
  }

  async #launch(slot: number, thread = startWorkerThread(slot)): Promise<void> {
    const copied = this.#sockets.replenish(slot, this.#slots.size)
    if (copied !== undefined) await copied
    const snapshot = this.#snapshot
    const start = {
      snapshot,
      scoreboard: this.#scoreboard.memory,
      sessions: this.#sessions.memory,
      keyedLimits: this.#keyedLimits.memory,
      tally: this.#tallies.memoryFor(slot),
      slot,
      sockets: this.#sockets.ordersFor(slot, this.#slots.size),
      challenges: this.#challenges,
      bans: [...this.bans],
    }
    const worker = new WorkerLink(thread, start, this.#events, (generation) =>
      this.#acknowledgements.add(slot, generation),
    )
    this.#workers.add(worker)
    if (this.#watches.length > 0) worker.watchRequests(this.#watches)
    void this.#replaceOnceEnded(worker, slot)
    try {
      await this.#sockets.begun(worker, start.sockets)
      this.#acknowledgements.add(slot, snapshot.generation)
    } catch (error) {
      worker.terminate()
      throw error
    }
  }

  /** Has a worker hand over its sockets, and end once its connections have. */
  async #retire(slot: number): Promise<void> {
    this.#slots.delete(slot)
    clearTimeout(this.#restarts.get(slot))
    this.#restarts.delete(slot)
    const worker = this.#serving.find((each) => each.slot === slot)
    if (worker !== undefined) worker.isDraining = true
    try {
      await this.#sockets.handOver(slot, worker)
    } catch (error) {
      this.#slots.add(slot)
      if (worker !== undefined) worker.isDraining = false
      throw error
    }
    if (worker === undefined) return this.#acknowledgements.forget(slot)
    this.#drain(worker)
  }

  /** Once a worker has ended: releases what it held, and starts another in its place. */
  async #replaceOnceEnded(worker: WorkerLink, slot: number): Promise<void> {
    const startedAt = performance.now()
    const cause = await worker.ended
    this.#workers.delete(worker)
    this.#sockets.forget(slot)
    this.#scoreboard.forget(slot)
    this.#keyedLimits.forget(slot)
    if (this.#stopping) return
    if (!worker.hasStopped) this.#sessions.forgetExchanges()
    if (!this.#slots.has(slot)) return this.#acknowledgements.forget(slot)
    // If it never listened, `#launch` reports the error.
    if (worker.hasListened) this.#replace(slot, cause, performance.now() - startedAt)
  }

  /** Replaces a dead worker, after a delay that grows with the number of early deaths in a row. */
  #replace(slot: number, cause: string, age: number): void {
    if (this.#stopping || !this.#slots.has(slot)) return
    this.#deaths = age < SETTLED ? this.#deaths + 1 : 0
    const pause = this.#deaths < 2 ? 0 : Math.min(LONGEST_PAUSE, 100 * 2 ** this.#deaths)
    this.#events.workerDied(slot, cause, pause)
    const restart = setTimeout(() => {
      this.#restarts.delete(slot)
      this.#launch(slot).catch((error) => this.#replace(slot, String(error), 0))
    }, pause)
    this.#restarts.set(slot, restart)
  }
}
