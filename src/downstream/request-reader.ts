import type { DownstreamUser } from '../exchange/downstream.ts'
import { failureOf } from '../exchange/failure.ts'
import { ReceivedRequest } from '../exchange/received-request.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { BodyDecoder, type BodyForm } from '../http1/body-decoder.ts'
import { type Framing, UNTIL_CLOSE } from '../http1/framing.ts'
import { isWorthReading, PendingBytes } from '../http1/pending-bytes.ts'
import type { RequestHead } from '../http1/request-head.ts'

const NOTHING = Buffer.alloc(0)

/** Reads the requests on one HTTP/1 connection of a client: each head, and then its body as far as its exchange wants it. */
export class RequestReader {
  /** The current request. */
  request: ReceivedRequest | undefined
  /** Whether the exchange can use more of the body now. */
  isBodyWanted = false
  /** Whether the client has to go on with the body by itself: it may wait for a 100 (Continue). */
  isBodyOwed = false
  /** How many requests have been read. */
  requests = 0
  /** Whether the client will send nothing more. */
  hasEnded = false
  readonly #context: WorkerContext
  /** What has arrived and has not been taken is in here, from `#at` on. */
  #bytes: Buffer = NOTHING
  #at = 0
  /** What `#bytes` are a view of while they are a head that is incomplete. */
  #incomplete: PendingBytes | undefined
  /** Reads the body, once that has been asked for. */
  #body: BodyDecoder | undefined
  #isClosed = false

  constructor(context: WorkerContext) {
    this.#context = context
  }

  /** What has arrived and has not been taken. */
  get unread(): Buffer {
    return this.#bytes.subarray(this.#at)
  }

  get unreadLength(): number {
    return this.#bytes.length - this.#at
  }

  /** Whether all that has arrived has been taken. */
  get isEmpty(): boolean {
    return this.#at >= this.#bytes.length
  }

  /**
   * Keeps a copy of bytes that have arrived.
   *
   * @returns whether reading what there is may come to something
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
   * Reads a head, into the context's.
   *
   * @returns the head; undefined where it is incomplete
   * @throws MessageError where it breaks the rules
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

  /** The rest of the head may be long in coming: what there is must not keep alive memory that others share. */
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

  /** Asks for the body. Returns whether anything of it is still to come. */
  wantBody(form: BodyForm, isOwed: boolean): boolean {
    if (this.#body === undefined) this.#beginBody(this.request!.framing, form)
    this.isBodyWanted = !this.isWhole
    this.isBodyOwed = isOwed
    return this.isBodyWanted
  }

  #beginBody(framing: Framing, form: BodyForm): void {
    this.#body = new BodyDecoder(framing, form, this.#limits, 'client')
  }

  /** From here on the body is whatever the client sends, until it ends. */
  switchProtocols(): void {
    this.#beginBody(UNTIL_CLOSE, 'data')
  }

  /** Of a switched protocol: the client has ended its direction. */
  endBody(exchange: DownstreamUser): void {
    this.#body!.close()
    this.isBodyWanted = false
    exchange.bodyEnded()
  }

  /** Whether nothing of the request is still to come. */
  get isWhole(): boolean {
    return this.#body === undefined ? this.request!.framing === 0 : this.#body.done
  }

  /** Whether another request may follow the current one, all of which has been read. */
  get mayFollow(): boolean {
    const most = this.#limits.requestsPerConnection
    return this.isWhole && (!this.hasEnded || !this.isEmpty) && (most === 0 || this.requests < most)
  }

  /**
   * Whether the client itself has said that nothing follows, so that there is nothing to wait for: a socket loses the end of
   * an answer only where bytes arrive that nobody has read (nginx lingers, too, only where some have).
   */
  get isLast(): boolean {
    const { persists, framing } = this.request!
    return !persists && framing === 0 && this.isEmpty
  }

  /** Bytes of data of the body that were handed over. */
  get bodyLength(): number {
    return this.#body?.length ?? 0
  }

  /** Hands over what of the unread bytes belongs to the body. */
  readBody(exchange: DownstreamUser): void {
    const bytes = this.#bytes
    const end = this.#handOver(exchange, bytes, this.#at)
    // The connection may have been closed meanwhile, and all of it forgotten.
    if (this.#bytes === bytes) this.#takeTo(end)
  }

  /** Hands over what of bytes that have just arrived belongs to the body, without a copy; keeps the rest. */
  readArrived(exchange: DownstreamUser, bytes: Buffer): void {
    const end = this.#handOver(exchange, bytes, 0)
    if (end < bytes.length) this.keep(bytes.subarray(end))
  }

  /** Returns the offset after the bytes that were taken. */
  #handOver(exchange: DownstreamUser, bytes: Buffer, from: number): number {
    const body = this.#body!
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

  /** Nothing more is read: what arrives is forgotten. */
  close(): void {
    this.#isClosed = true
    this.#bytes = NOTHING
    this.#at = 0
    this.#incomplete = undefined
  }
}
