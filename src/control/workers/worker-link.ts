import { MessageChannel, type Worker } from 'node:worker_threads'
import type { Batch } from '../../observability/line-buffer.ts'
import type { SpanRecord } from '../../observability/span-record.ts'
import type { BanChange } from '../../runtime/ban-list.ts'
import type { ChallengeAnswers } from '../../runtime/challenge-answers.ts'
import type { KnownId } from '../../runtime/known-id.ts'
import type { SnapshotPatch } from '../../runtime/snapshot-patch.ts'
import type { WorkerEvent } from '../../runtime/worker-event.ts'
import type { SampleReport } from '../../skew/address-sample.ts'
import type {
  ControlMessage,
  OpenSocket,
  SampledRequest,
  SocketOrder,
  WatchedRequests,
  WorkerMessage,
  WorkerStart,
} from '../../worker/messages.ts'
import { ListenError } from './listen-error.ts'

/** The reports of workers. */
export interface WorkerReports {
  /** Whole lines of the access log; call `written` once they have been written. */
  log(lines: Uint8Array, written: () => void): void
  /** A worker dropped that many lines of the access log for lack of room. */
  logDropped(lines: number): void
  /** Spans that have ended, and how many more a worker has dropped for lack of room. */
  spans(spans: readonly SpanRecord[], dropped: number): void
  /** An event in a worker. */
  event(event: WorkerEvent): void
  /** Ids of some sessions on the server in that slot. */
  ids(server: number, ids: readonly KnownId[]): void
  /** Samples of the addresses that have sent requests to a worker. */
  samples(reports: readonly SampleReport[]): void
  /** Requests that somebody watches. */
  requests(requests: readonly SampledRequest[]): void
}

/** One worker, as the control plane sees it: its thread, and the messages from and to it. */
export class WorkerLink {
  /** Its slot on the Scoreboard. */
  readonly slot: number
  /**
   * Resolves to the sockets that it was started with, once it listens. Rejects with ListenError if it cannot listen, with Error
   * if it ended before that.
   */
  readonly listening: Promise<readonly OpenSocket[]>
  /** Resolves to the cause once the thread has ended. */
  readonly ended: Promise<string>
  /** Whether it has listened. */
  hasListened = false
  /** Whether it is to end once its connections have. */
  isDraining = false
  /** Whether all its exchanges had ended before it did. */
  hasStopped = false
  readonly #thread: Worker
  readonly #reports: WorkerReports
  readonly #applied: (generation: number) => void
  /** The shared memories for its access log's lines, by number. */
  readonly #logMemories: Uint8Array[] = []
  /** What it still has to answer about sockets, in this order. */
  readonly #unanswered: PromiseWithResolvers<readonly OpenSocket[]>[] = []

  #lastNumber = 0
  /** By number, what waits until it has done as asked. */
  readonly #undone = new Map<number, () => void>()

  /** @param applied called with the generation of each Snapshot that the worker has applied */
  constructor(thread: Worker, start: WorkerStart, reports: WorkerReports, applied: (generation: number) => void) {
    this.#thread = thread
    this.#reports = reports
    this.#applied = applied
    this.slot = start.slot
    this.listening = this.#untilAnswered()
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

  /** Has it listen on these sockets, too: on all or none. Resolves and rejects as `listening` does. */
  listen(sockets: readonly SocketOrder[]): Promise<readonly OpenSocket[]> {
    this.#send({ type: 'listen', sockets })
    return this.#untilAnswered()
  }

  /**
   * Hands one of its sockets over to another worker, with the connections that wait in its queue. Resolves to the socket as the
   * other one has it; to undefined if that is not possible, and this worker still has it.
   */
  async handOver({ id, listener }: OpenSocket, to: WorkerLink): Promise<OpenSocket | undefined> {
    const { port1, port2 } = new MessageChannel()
    to.#thread.postMessage({ type: 'take-over', id, listener, from: port2 } satisfies ControlMessage, [port2])
    const taken = to.#untilAnswered()
    this.#thread.postMessage({ type: 'hand-over', id, to: port1 } satisfies ControlMessage, [port1])
    return (await taken).at(0)
  }

  /** Closes some of its sockets, after what waits in their queues has been accepted. Resolves once they are closed. */
  async closeSockets(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return
    this.#send({ type: 'close-sockets', ids })
    await this.#untilAnswered()
  }

  /** Closes its other sockets at once, and lets its connections end; then it ends. */
  drain(): void {
    this.isDraining = true
    this.#send({ type: 'drain' })
  }

  /** Has it give these answers to certificate authorities. Resolves once it does, or has ended. */
  answerChallenges(answers: ChallengeAnswers): Promise<void> {
    return this.#untilDone((number) => this.#send({ type: 'answer-challenges', number, answers }))
  }

  /** Has it refuse other clients. Resolves once it does, or has ended. */
  changeBans(change: BanChange): Promise<void> {
    return this.#untilDone((number) => this.#send({ type: 'change-bans', number, change }))
  }

  settleKeys(url: string): void {
    this.#send({ type: 'keys-settled', url })
  }

  settleDemand(host: string): void {
    this.#send({ type: 'demand-settled', host })
  }

  /** Has it send samples of these requests, and of no others. */
  watchRequests(watches: readonly WatchedRequests[]): void {
    this.#send({ type: 'watch-requests', watches })
  }

  closeTunnels(server: number, spread: number): void {
    this.#send({ type: 'close-tunnels', server, spread })
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

  /** Resolves once it has done what a message of a new number asks for, or has ended. */
  async #untilDone(ask: (number: number) => void): Promise<void> {
    const number = ++this.#lastNumber
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#undone.set(number, resolve)
    ask(number)
    await Promise.race([promise, this.ended])
    this.#undone.delete(number)
  }

  #untilAnswered(): Promise<readonly OpenSocket[]> {
    const answer = Promise.withResolvers<readonly OpenSocket[]>()
    this.#unanswered.push(answer)
    return answer.promise
  }

  #untilEnded(): Promise<string> {
    let cause = 'it ended unexpectedly'
    this.#thread.on('error', (error: Error) => {
      cause = error.stack ?? String(error)
    })
    return new Promise((resolve) => {
      this.#thread.on('exit', () => {
        const when = this.hasListened ? '' : ' at its start'
        for (const { reject } of this.#unanswered) reject(new Error(`a worker died${when}: ${cause}`))
        resolve(cause)
      })
    })
  }

  #take(message: WorkerMessage): void {
    switch (message.type) {
      case 'listening':
        this.hasListened = true
        return this.#unanswered.shift()!.resolve(message.sockets)
      case 'listen-failed':
        return this.#unanswered.shift()!.reject(new ListenError(message.listener, message.code, message.message))
      case 'applied':
        return this.#applied(message.generation)
      case 'done':
        return this.#undone.get(message.number)?.()
      case 'log':
        return this.#writeLog(message.batch)
      case 'log-dropped':
        return this.#reports.logDropped(message.lines)
      case 'spans':
        this.#reports.spans(message.spans, message.dropped)
        return this.#send({ type: 'spans-taken' })
      case 'ids':
        return this.#reports.ids(message.server, message.ids)
      case 'samples':
        return this.#reports.samples(message.reports)
      case 'requests':
        this.#reports.requests(message.requests)
        return this.#send({ type: 'requests-taken' })
      case 'event':
        return this.#reports.event(message.event)
      case 'stopped':
        // Its thread ends by itself.
        this.hasStopped = true
        return
    }
  }

  #writeLog({ memory, shared, length }: Batch): void {
    if (shared !== undefined) this.#logMemories[memory] = new Uint8Array(shared)
    this.#reports.log(this.#logMemories[memory]!.subarray(0, length), () => this.#send({ type: 'log-written', memory }))
  }
}
