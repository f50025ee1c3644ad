import type { Worker } from 'node:worker_threads'
import type { Batch } from '../observability/line-buffer.ts'
import { assertWithin, MAX_WORKERS } from '../runtime/bounds.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import type { SampleReport } from '../skew/address-sample.ts'
import type { ControlMessage, WorkerMessage, WorkerStart } from '../worker/messages.ts'
import { ListenError } from './listen-error.ts'
import { assertFree } from './vacancy.ts'
import { startWorkerThread } from './worker-thread.ts'

/** What the supervisor tells of. */
export interface SupervisorEvents {
  /** Whole lines of the access log; `written` is to be called once they are needed no more. */
  log(lines: Uint8Array, written: () => void): void
  /** A worker had no room for that many lines of it. */
  logDropped(lines: number): void
  /** Something happened in a worker. */
  event(event: WorkerEvent): void
  /** Who has sent requests to a worker of late. */
  samples(reports: readonly SampleReport[]): void
  /** A worker died, and another takes its place in `ms`. */
  workerDied(slot: number, cause: string, ms: number): void
}

/** A worker that dies sooner than this after its start is not replaced at once, in ms. */
const SETTLED = 10_000
const LONGEST_PAUSE = 10_000

/** Runs the workers: starts them on the same ports, replaces those that die, and stops them all. */
export class Supervisor {
  readonly #scoreboard: Scoreboard
  readonly #sessions: SessionTable
  readonly #events: SupervisorEvents
  readonly #workers = new Set<Worker>()
  #snapshot: Snapshot
  /** How many there are to be. */
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
   * Starts that many workers; resolves, once all of them listen, to where they do.
   *
   * @param firstThread the first one's, where it was started ahead
   * @throws ListenError
   */
  async start(workers: number, firstThread?: Worker): Promise<readonly Listener[]> {
    this.#size = workers
    assertWithin(workers, MAX_WORKERS, 'workers')
    for (const listener of this.#snapshot.listeners) await assertFree(listener)
    // The first one finds out which ports stand behind 0, for all to share.
    const listeners = await this.#launch(0, firstThread)
    this.#snapshot = { ...this.#snapshot, listeners }
    await Promise.all(Array.from({ length: workers - 1 }, (_, index) => this.#launch(index + 1)))
    return listeners
  }

  /** How many workers there are at this moment. */
  get workers(): number {
    return this.#workers.size
  }

  /** What they serve by. */
  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /** Lets exchanges in flight finish, for the time that the configuration allows, and ends all workers. */
  async stop(): Promise<void> {
    this.#stopping = true
    const workers = [...this.#workers]
    for (const restart of this.#restarts) clearTimeout(restart)
    const exits = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
    for (const worker of workers) worker.postMessage({ type: 'stop' } satisfies ControlMessage)
    const { stop } = this.#snapshot.timeouts
    const timer = stop === 0 ? undefined : setTimeout(() => this.#terminate(), stop)
    await Promise.all(exits)
    clearTimeout(timer)
  }

  #terminate(): void {
    for (const worker of this.#workers) worker.terminate()
  }

  async #launch(slot: number, worker = startWorkerThread(slot)): Promise<readonly Listener[]> {
    const start: WorkerStart = {
      snapshot: this.#snapshot,
      scoreboard: this.#scoreboard.memory,
      sessions: this.#sessions.memory,
      slot,
      workers: this.#size,
    }
    worker.postMessage(start)
    this.#workers.add(worker)
    const logMemories: Uint8Array[] = []
    const startedAt = performance.now()
    let cause = 'it ended without a word'
    worker.on('error', (error: Error) => {
      cause = error.stack ?? String(error)
    })
    const listening = new Promise<readonly Listener[]>((resolve, reject) => {
      worker.on('message', (message: WorkerMessage) => {
        switch (message.type) {
          case 'listening':
            return resolve(message.listeners)
          case 'listen-failed':
            return reject(new ListenError(message.listener, message.code, message.message))
          case 'log':
            return this.#writeLog(message.batch, logMemories, worker)
          case 'log-dropped':
            return this.#events.logDropped(message.lines)
          case 'samples':
            return this.#events.samples(message.reports)
          case 'event':
            return this.#events.event(message.event)
        }
      })
      worker.on('exit', () => reject(new Error(`a worker died at its start: ${cause}`)))
    })
    worker.on('exit', () => {
      this.#workers.delete(worker)
      this.#scoreboard.forget(slot)
      if (!this.#stopping) this.#sessions.forgetExchanges()
      listening.then(() => this.#stopping || this.#replace(slot, cause, performance.now() - startedAt), ignore)
    })
    return listening
  }

  /** @param memories of the worker's, by their numbers, as far as it has told of them */
  #writeLog({ memory, shared, length }: Batch, memories: Uint8Array[], worker: Worker): void {
    if (shared !== undefined) memories[memory] = new Uint8Array(shared)
    this.#events.log(memories[memory]!.subarray(0, length), () =>
      worker.postMessage({ type: 'log-written', memory } satisfies ControlMessage),
    )
  }

  /** Starts a worker in a dead one's place; the more of them die young, the later. */
  #replace(slot: number, cause: string, age: number): void {
    this.#deaths = age < SETTLED ? this.#deaths + 1 : 0
    const pause = this.#deaths < 2 ? 0 : Math.min(LONGEST_PAUSE, 100 * 2 ** this.#deaths)
    this.#events.workerDied(slot, cause, pause)
    const restart = setTimeout(() => {
      this.#restarts.delete(restart)
      this.#launch(slot).catch((error) => this.#replace(slot, String(error), 0))
    }, pause)
    this.#restarts.add(restart)
  }
}

function ignore(): void {}
