import type { Worker } from 'node:worker_threads'
import type { Batch } from '../observability/line-buffer.ts'
import type { KnownId } from '../runtime/known-id.ts'
import type { Listener } from '../runtime/snapshot.ts'
import type { SnapshotPatch } from '../runtime/snapshot-patch.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import type { SampleReport } from '../skew/address-sample.ts'
import type { ControlMessage, WorkerMessage, WorkerStart } from '../worker/messages.ts'
import { ListenError } from './listen-error.ts'

/** The reports of workers. */
export interface WorkerReports {
  /** Whole lines of the access log; call `written` once they have been written. */
  log(lines: Uint8Array, written: () => void): void
  /** A worker dropped that many lines of the access log for lack of room. */
  logDropped(lines: number): void
  /** An event in a worker. */
  event(event: WorkerEvent): void
  /** Ids of some sessions on the server in that slot. */
  ids(server: number, ids: readonly KnownId[]): void
  /** Samples of the addresses that have sent requests to a worker. */
  samples(reports: readonly SampleReport[]): void
}

/** One worker, as the control plane sees it: its thread, and the messages from and to it. */
export class WorkerLink {
  /** Resolves to its listeners. Rejects with ListenError if it cannot listen, with Error if it ended before that. */
  readonly listening: Promise<readonly Listener[]>
  /** Resolves to the cause once the thread has ended. */
  readonly ended: Promise<string>
  /** Whether it has listened. */
  hasListened = false
  readonly #thread: Worker
  readonly #reports: WorkerReports
  readonly #applied: (generation: number) => void
  /** The shared memories for its access log's lines, by number. */
  readonly #logMemories: Uint8Array[] = []
  readonly #listening = Promise.withResolvers<readonly Listener[]>()

  /** @param applied called with the generation of each Snapshot that the worker has applied */
  constructor(thread: Worker, start: WorkerStart, reports: WorkerReports, applied: (generation: number) => void) {
    this.#thread = thread
    this.#reports = reports
    this.#applied = applied
    this.listening = this.#listening.promise
    thread.postMessage(start)
    thread.on('message', (message: WorkerMessage) => this.#take(message))
    this.ended = this.#untilEnded()
  }

  apply(patch: SnapshotPatch): void {
    this.#send({ type: 'apply', patch })
  }

  wantIds(upstream: string, server: number): void {
    this.#send({ type: 'ids-wanted', upstream, server })
  }

  /** Lets its exchanges finish; then it ends. */
  stop(): void {
    this.#send({ type: 'stop' })
  }

  terminate(): void {
    void this.#thread.terminate()
  }

  #send(message: ControlMessage): void {
    this.#thread.postMessage(message)
  }

  #untilEnded(): Promise<string> {
    let cause = 'it ended without a word'
    this.#thread.on('error', (error: Error) => {
      cause = error.stack ?? String(error)
    })
    return new Promise((resolve) => {
      this.#thread.on('exit', () => {
        this.#listening.reject(new Error(`a worker died at its start: ${cause}`))
        resolve(cause)
      })
    })
  }

  #take(message: WorkerMessage): void {
    switch (message.type) {
      case 'listening':
        this.hasListened = true
        return this.#listening.resolve(message.listeners)
      case 'listen-failed':
        return this.#listening.reject(new ListenError(message.listener, message.code, message.message))
      case 'applied':
        return this.#applied(message.generation)
      case 'log':
        return this.#writeLog(message.batch)
      case 'log-dropped':
        return this.#reports.logDropped(message.lines)
      case 'ids':
        return this.#reports.ids(message.server, message.ids)
      case 'samples':
        return this.#reports.samples(message.reports)
      case 'event':
        return this.#reports.event(message.event)
      case 'stopped':
        // Its thread ends by itself.
        return
    }
  }

  #writeLog({ memory, shared, length }: Batch): void {
    if (shared !== undefined) this.#logMemories[memory] = new Uint8Array(shared)
    this.#reports.log(this.#logMemories[memory]!.subarray(0, length), () => this.#send({ type: 'log-written', memory }))
  }
}
