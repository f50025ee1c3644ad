import type { Worker } from 'node:worker_threads'
import { assertWithin, MAX_WORKERS } from '../runtime/bounds.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import { difference } from '../runtime/snapshot-patch.ts'
import { assertFree } from './vacancy.ts'
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

/**
 * Runs the workers: starts them on the same ports, sends them each new Snapshot, replaces those that die, and stops
 * them all.
 */
export class Supervisor {
  readonly #scoreboard: Scoreboard
  readonly #sessions: SessionTable
  readonly #events: SupervisorEvents
  readonly #workers = new Set<WorkerLink>()
  #snapshot: Snapshot
  /** The generation that each worker has acknowledged, by worker slot. */
  readonly #acknowledged: number[] = []
  readonly #awaited = new Set<{ readonly generation: number; resolve(): void }>()
  /** The number of workers to run. */
  #size = 0
  #stopping = false
  #deaths = 0
  readonly #restarts = new Set<NodeJS.Timeout>()

  constructor(snapshot: Snapshot, scoreboard: Scoreboard, sessions: SessionTable, events: SupervisorEvents) {
    this.#snapshot = snapshot
    this.#scoreboard = scoreboard
    this.#sessions = sessions
    this.#events = events
  }

  /**
   * Starts that many workers; resolves, once all of them listen, to their listeners.
   *
   * @param firstThread the first worker's thread, if it was started early
   * @throws ListenError
   */
  async start(workers: number, firstThread?: Worker): Promise<readonly Listener[]> {
    this.#size = workers
    assertWithin(workers, MAX_WORKERS, 'workers')
    for (const listener of this.#snapshot.listeners) await assertFree(listener)
    // The first worker resolves each port 0 to a real one, for all to share.
    const listeners = await this.#launch(0, firstThread)
    this.#snapshot = { ...this.#snapshot, listeners }
    await Promise.all(Array.from({ length: workers - 1 }, (_, index) => this.#launch(index + 1)))
    return listeners
  }

  /**
   * Puts another Snapshot, which has the same listeners, into effect in all workers. Resolves once every one has
   * acknowledged it; a worker that dies meanwhile is replaced by one that starts with it, which counts once it listens.
   */
  async apply(next: Snapshot): Promise<void> {
    const patch = difference(this.#snapshot, next)
    this.#snapshot = next
    for (const worker of this.#workers) worker.apply(patch)
    await this.#untilAcknowledged(next.generation)
  }

  /** Asks all workers for ids of sessions on a server; they come as reports. */
  wantIds(upstream: string, server: number): void {
    for (const worker of this.#workers) worker.wantIds(upstream, server)
  }

  /** The current number of workers. */
  get workers(): number {
    return this.#workers.size
  }

  /** The current Snapshot. */
  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /** Lets exchanges in flight finish, for the time that the configuration allows, and ends all workers. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const restart of this.#restarts) clearTimeout(restart)
    const workers = [...this.#workers]
    for (const worker of workers) worker.stop()
    const { stop } = this.#snapshot.timeouts
    const timer = stop === 0 ? undefined : setTimeout(() => this.#terminate(), stop)
    await Promise.all(workers.map(({ ended }) => ended))
    clearTimeout(timer)
    // No worker is left to apply anything.
    for (const { resolve } of this.#awaited) resolve()
  }

  #terminate(): void {
    for (const worker of this.#workers) worker.terminate()
  }

  async #launch(slot: number, thread = startWorkerThread(slot)): Promise<readonly Listener[]> {
    const snapshot = this.#snapshot
    const start = {
      snapshot,
      scoreboard: this.#scoreboard.memory,
      sessions: this.#sessions.memory,
      slot,
      workers: this.#size,
    }
    const worker = new WorkerLink(thread, start, this.#events, (generation) => this.#acknowledge(slot, generation))
    this.#workers.add(worker)
    void this.#replaceOnceEnded(worker, slot)
    try {
      const listeners = await worker.listening
      this.#acknowledge(slot, snapshot.generation)
      return listeners
    } catch (error) {
      worker.terminate()
      throw error
    }
  }

  /** Once a worker has ended: releases what it held, and starts another in its place. */
  async #replaceOnceEnded(worker: WorkerLink, slot: number): Promise<void> {
    const startedAt = performance.now()
    const cause = await worker.ended
    this.#workers.delete(worker)
    this.#scoreboard.forget(slot)
    if (this.#stopping) return
    this.#sessions.forgetExchanges()
    // If it never listened, `#launch` reports the error.
    if (worker.hasListened) this.#replace(slot, cause, performance.now() - startedAt)
  }

  /** Replaces a dead worker, after a delay that grows with the number of early deaths in a row. */
  #replace(slot: number, cause: string, age: number): void {
    if (this.#stopping) return
    this.#deaths = age < SETTLED ? this.#deaths + 1 : 0
    const pause = this.#deaths < 2 ? 0 : Math.min(LONGEST_PAUSE, 100 * 2 ** this.#deaths)
    this.#events.workerDied(slot, cause, pause)
    const restart = setTimeout(() => {
      this.#restarts.delete(restart)
      this.#launch(slot).catch((error) => this.#replace(slot, String(error), 0))
    }, pause)
    this.#restarts.add(restart)
  }

  #acknowledge(slot: number, generation: number): void {
    this.#acknowledged[slot] = Math.max(this.#acknowledged[slot] ?? 0, generation)
    const oldest = Math.min(...this.#acknowledged)
    for (const awaited of this.#awaited) if (awaited.generation <= oldest) awaited.resolve()
  }

  async #untilAcknowledged(generation: number): Promise<void> {
    if (this.#stopping || Math.min(...this.#acknowledged) >= generation) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const awaited = { generation, resolve }
    this.#awaited.add(awaited)
    await promise
    this.#awaited.delete(awaited)
  }
}
