import type { DownstreamUser } from '../exchange/downstream.ts'
import { failureOf } from '../exchange/failure.ts'
import { ReceivedRequest } from '../exchange/received-request.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { BodyDecoder, type BodyForm } from '../http1/body-decoder.ts'
import { type Framing, UNTIL_CLOSE } from '../http1/framing.ts'
import { isWorthReading, PendingBytes } from '../http1/pending-bytes.ts'
import type { RequestHead } from '../http1/request-head.ts'

const NOTHING = Buffer.alloc(0)

/** Reads the requests on a client's HTTP/1 connection: each head, and its body as far as its exchange wants it. */
export class RequestReader {
  /** The current request. */
  request: ReceivedRequest | undefined
  /** Whether the exchange wants more of the body now. */
  isBodyWanted = false
  /** Whether the client must go on with its body. It need not while it waits for a 100 (Continue). */
  isBodyOwed = false
  /** How many requests have been read. */
  requests = 0
  /** Whether the client will send nothing more. */
  hasEnded = false
  readonly #context: WorkerContext
  /** Holds the unread bytes, from `#at` on. */
  #bytes: Buffer = NOTHING
  #at = 0
  /** The memory behind `#bytes` while they are an incomplete head. */
  #incomplete: PendingBytes | undefined
  /** Reads the body, once it is wanted. */
  #body: BodyDecoder | undefined
  #isClosed = false

  constructor(context: WorkerContext) {
    this.#context = context
  }

  /** The bytes that have arrived and not been consumed. */
  get unread(): Buffer {
    return this.#bytes.subarray(this.#at)
  }

  get unreadLength(): number {
    return this.#bytes.length - this.#at
  }

  /** Whether all bytes that have arrived have been consumed. */
  get isEmpty(): boolean {
    return this.#at >= this.#bytes.length
  }

  /**
   * Keeps a copy of bytes that have arrived.
   *
   * @returns whether it is worth trying to parse what there is
   */
  keep(bytes: Buffer): boolean {
    if (this.#isClosed) return false
    if (this.#incomplete !== undefined) {
      const isDue = this.#incomplete.add(bytes, this.#limits.headSize)
      this.#bytes = this.#incomplete.bytes
      return isDue
    }
    this.#bytes = this.isEmpty ? Buffer.from(bytes) : Buffer.concat([this.unread, bytes])
    this.#at = 0
    return true
  }

  get #limits() {
    return this.#context.generation.snapshot.limits
  }

  /**
   * Reads a head into `WorkerContext.requestHead`.
   *
   * @returns the head; undefined if it is incomplete
   * @throws MessageError if it is invalid
   */
  readHead(): RequestHead | undefined {
    const { requestHead: head } = this.#context
    const limits = this.#limits
    const isWorthIt = this.#incomplete !== undefined || isWorthReading(this.#bytes, this.#at, limits.headSize)
    if (!isWorthIt || !head.parse(this.#bytes, this.#at, limits)) {
      this.#awaitRestOfHead()
      return undefined
    }
    this.request = new ReceivedRequest(head)
    this.requests++
    this.#body = undefined
    this.#takeTo(head.end)
    return head
  }

  /** Moves the incomplete head into memory of its own: it may wait for long, and must not keep a shared slab alive. */
  #awaitRestOfHead(): void {
    if (this.#incomplete !== undefined) return
    this.#incomplete = new PendingBytes(this.unread)
    this.#bytes = this.#incomplete.bytes
    this.#at = 0
  }

  #takeTo(at: number): void {
    this.#at = at
    this.#incomplete = undefined
    if (this.isEmpty) this.#bytes = NOTHING
  }

  /** Asks for the body. Returns whether any of it is still to come. */
  wantBody(form: BodyForm, isOwed: boolean): boolean {
    if (this.#body === undefined) this.#beginBody(this.request!.framing, form)
    this.isBodyWanted = !this.isWhole
    this.isBodyOwed = isOwed
    return this.isBodyWanted
  }

  #beginBody(framing: Framing, form: BodyForm): void {
    this.#body = new BodyDecoder(framing, form, this.#limits, 'client')
  }

  /** From now on, everything that the client sends is body, until it ends. */
  switchProtocols(): void {
    this.#beginBody(UNTIL_CLOSE, 'data')
  }

  /** After a switch of protocols: the client has ended its direction. */
  endBody(exchange: DownstreamUser): void {
    this.#body!.close()
    this.isBodyWanted = false
    exchange.bodyEnded()
  }

  /** Whether the whole request has been read. */
  get isWhole(): boolean {
    return this.#body === undefined ? this.request!.framing === 0 : this.#body.done
  }

  /** Whether another request may follow the current one. False if the current one is not complete. */
  get mayFollow(): boolean {
    const most = this.#limits.requestsPerConnection
    return this.isWhole && (!this.hasEnded || !this.isEmpty) && (most === 0 || this.requests < most)
  }

  /**
   * Whether the client has announced that no request follows, so that the connection can close without lingering: the
   * end of a response is only lost if unread bytes arrive (nginx, too, lingers only if some have).
   */
  get isLast(): boolean {
    const { persists, framing } = this.request!
    return !persists && framing === 0 && this.isEmpty
  }

  /** Bytes of the body that were handed over, without framing. */
  get bodyLength(): number {
    return this.#body?.length ?? 0
  }

  /** Hands over the unread bytes that belong to the body. */
  readBody(exchange: DownstreamUser): void {
    const bytes = this.#bytes
    const end = this.#handOver(exchange, bytes, this.#at)
    // The connection may have been closed meanwhile, which drops the bytes.
    if (this.#bytes === bytes) this.#takeTo(end)
  }

  /** Hands over newly arrived bytes that belong to the body, without a copy; keeps the rest. */
  readArrived(exchange: DownstreamUser, bytes: Buffer): void {
    const end = this.#handOver(exchange, bytes, 0)
    if (end < bytes.length) this.keep(bytes.subarray(end))
  }

  /** Returns the offset after the consumed bytes. */
  #handOver(exchange: DownstreamUser, bytes: Buffer, from: number): number {
    const body = this.#body!
    // A client that has begun does not wait for a 100 (Continue) any more.
    this.isBodyOwed = true
    let end: number
    try {
      end = body.read(bytes, from, exchange)
    } catch (error) {
      exchange.flush()
      exchange.failed(failureOf(error))
      return bytes.length
    }
    if (body.done) {
      this.isBodyWanted = false
      exchange.bodyEnded(body.trailers)
    }
    exchange.flush()
    return end
  }

  /** The exchange is over. */
  finish(): void {
    this.request = undefined
    this.#body = undefined
    this.isBodyWanted = false
  }

  /** Stops reading: what arrives from now on is dropped. */
  close(): void {
    this.#isClosed = true
    this.#bytes = NOTHING
    this.#at = 0
    this.#incomplete = undefined
  }
}
