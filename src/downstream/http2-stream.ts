import type { Downstream, DownstreamUser } from '../exchange/downstream.ts'
import { Exchange } from '../exchange/exchange.ts'
import { Failure, failureOf } from '../exchange/failure.ts'
import type { OwnResponse } from '../exchange/own-response.ts'
import { ReceivedRequest } from '../exchange/received-request.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { ClientOrigin, ConnectionOrigin } from '../forwarding/client-origin.ts'
import { declaredLength, writeResponseHead, writeSwitchingHead } from '../forwarding/forwarded-response.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import { FieldName } from '../http1/field-name.ts'
import { type Framing, framingOfRequest, UNTIL_CLOSE } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import { MessageError } from '../http1/message-error.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { ErrorCode } from '../http2/error-code.ts'
import type { RequestLines } from '../http2/heads/request-lines.ts'
import type { Stream, StreamUser } from '../http2/session/stream.ts'
import { ClientDeadline, type Owed } from './client-deadline.ts'
import { ownHead } from './own-head.ts'
import { refuse } from './refusal.ts'

/** The connection of a stream. */
export interface StreamOwner {
  readonly source: ConnectionOrigin
  /** A final response has begun. */
  answered(isSessionNew: boolean): void
  /** The stream is over, and there was no response. */
  unanswered(): void
}

/** Where the status is in the head of a response. */
const STATUS_AT = 'HTTP/1.1 '.length
const BAD_GATEWAY = Buffer.from('502')

/** One request on an HTTP/2 connection of a client: the Downstream of its exchange. */
export class Http2Stream extends ClientDeadline implements Downstream, StreamUser {
  origin: ClientOrigin
  bytesSent = 0
  isFickle = false
  readonly #context: WorkerContext
  readonly #owner: StreamOwner
  readonly #stream: Stream
  #exchange: DownstreamUser | undefined
  /** Whether the client would like to switch to another protocol (RFC 8441), and whether it has. */
  #asksForTunnel = false
  #isTunnel = false
  #isAnswered = false
  /** Whether the stream ends with RST_STREAM after the response: the request was malformed (RFC 9113 §8.1.1). */
  #endsWithReset = false
  #takesTrailers = false
  /** Whether the exchange wants more of the body now, and whether the client must go on with it. */
  #isBodyWanted = false
  #isBodyOwed = false

  constructor(context: WorkerContext, owner: StreamOwner, stream: Stream) {
    super()
    this.#context = context
    this.#owner = owner
    this.#stream = stream
    this.origin = owner.source
    stream.user = this
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * @param isWhole whether no body follows
   * @param isFickle whether the client is likely to cancel it; if it does not, `handedOver` follows
   */
  begin(lines: RequestLines, isWhole: boolean, isFickle: boolean): void {
    this.isFickle = isFickle
    // It stays for the length of the exchange, and `lines` does not.
    const bytes = Buffer.from(lines.bytes.subarray(0, lines.length))
    let head: RequestHead
    let request: ReceivedRequest
    try {
      head = this.#read(lines, bytes)
      this.#asksForTunnel = lines.isExtendedConnect
      request = new ReceivedRequest(head, this.#framingOf(head, isWhole), true)
    } catch (error) {
      return this.#refuse(failureOf(error), bytes)
    }
    this.#takesTrailers = request.takesTrailers
    const { source } = this.#owner
    if (source.isClaimIgnored(head)) this.#context.notices.schemeIgnored(source.peer.text)
    this.origin = source.of(head)
    const exchange = new Exchange(this.#context, this, request)
    this.#exchange = exchange
    exchange.begin(head)
  }

  /** @throws MessageError if it is malformed or too large */
  #read({ fault, isTooLarge }: RequestLines, bytes: Buffer): RequestHead {
    if (fault !== '') throw new MessageError(fault)
    if (isTooLarge) throw new MessageError('the head is too large', 'head-too-large')
    const { requestHead: head, generation } = this.#context
    head.parse(bytes, 0, generation.snapshot.limits)
    return head
  }

  /** @throws MessageError if Content-Length and the end of the stream contradict each other (RFC 9113 §8.1.1) */
  #framingOf(head: RequestHead, isWhole: boolean): Framing {
    const length = framingOfRequest(head)
    if (isWhole) {
      if (length > 0) throw new MessageError('there is no body, and Content-Length says that there is one')
      return 0
    }
    if (this.#asksForTunnel) return 0
    if (head.find(FieldName.ContentLength) < 0) return UNTIL_CLOSE
    this.#stream.announce(length)
    return length
  }

  /** Answers an invalid request. */
  #refuse(failure: Failure, bytes: Buffer): void {
    this.#endsWithReset = failure.code === 'bad-request'
    const record = refuse(bytes, this.#owner.source, failure, this)
    for (const observer of this.#context.observers) observer.ended(record)
    if (this.#endsWithReset) this.#stream.reset(ErrorCode.ProtocolError)
    else this.#stream.leave()
  }

  get bodyLength(): number {
    return this.#stream.received
  }

  get room(): number {
    return this.#stream.room
  }

  wantBody(_form: BodyForm, isOwed: boolean): void {
    this.#isBodyWanted = true
    this.#isBodyOwed = isOwed
    this.#stream.resume()
    this.#expectWhatIsDue()
  }

  holdBody(): void {
    this.#isBodyWanted = false
    this.#stream.pause()
    this.#expectWhatIsDue()
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    // A client that has begun does not wait for a 100 (Continue) any more.
    this.#isBodyOwed = true
    this.#exchange?.bodyBytes(bytes, from, to)
  }

  bodyEnded(trailers: Head | undefined): void {
    this.#isBodyWanted = false
    this.#exchange?.bodyEnded(trailers)
  }

  handedOver(): void {
    // It has not been cancelled. A filter of its route may still wait.
    this.isFickle = false
    this.#exchange?.flush()
    this.#expectWhatIsDue()
  }

  malformed(reason: string): void {
    this.#exchange?.failed(new Failure('bad-request', reason))
  }

  closed(): void {
    this.#context.deadlines.remove(this)
    this.#exchange?.left()
  }

  // ── the response ───────────────────────────────────────────────────────────────────────────────────────────────

  inform(head: ResponseHead, options: ConnectionOptions): void {
    const { scratch } = this.#context
    const from = scratch.length
    writeResponseHead(scratch, head, options, -1, false, 'unsaid')
    this.#sendHead(from, false)
    this.#stream.expectHead()
  }

  respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm {
    const { scratch } = this.#context
    const from = scratch.length
    const length = declaredLength(head, framing, options)
    writeResponseHead(scratch, head, options, length, false, 'unsaid', fields, this.#takesTrailers)
    // The client would take a 2xx for the switch of protocols that it has asked for.
    if (this.#asksForTunnel && head.status < 300) scratch.bytes.set(BAD_GATEWAY, from + STATUS_AT)
    this.#answered()
    this.#sendHead(from, framing === 0)
    if (framing !== 0) this.#stream.expectData()
    return 'data'
  }

  /** The 101 becomes a 200 (RFC 8441 §5). */
  upgrade(head: ResponseHead, options: ConnectionOptions, fields: string): void {
    const { scratch } = this.#context
    const from = scratch.length
    this.#isTunnel = true
    writeSwitchingHead(scratch, head, options, fields)
    this.#answered()
    this.#sendHead(from, false)
  }

  /** Sends the head that was written to the shared memory from that offset on. */
  #sendHead(from: number, isLast: boolean): void {
    const { scratch } = this.#context
    this.#stream.head(scratch.bytes, from, scratch.length, isLast)
    scratch.length = from
  }

  #answered(): void {
    this.#isAnswered = true
    this.#owner.answered(this.#exchange?.isSessionNew === true)
  }

  data(bytes: Buffer, from: number, to: number): void {
    this.bytesSent += to - from
    this.#stream.data(bytes, from, to)
  }

  end(trailers?: Head): void {
    this.#stream.end(trailers)
  }

  flush(): boolean {
    if (!this.#stream.isBlocked) return true
    this.#expectWhatIsDue()
    return false
  }

  answer(response: OwnResponse): void {
    const { body, isToHead, status } = response
    const isMistakable = this.#asksForTunnel && status < 300
    const head = ownHead(isMistakable ? { ...response, status: 502 } : response, 'unsaid')
    const hasBody = body.length > 0 && !isToHead
    this.#answered()
    // An END_STREAM from both sides would leave nothing to reset.
    this.#stream.head(head, 0, head.length, !hasBody && !this.#endsWithReset)
    if (!hasBody) return
    this.bytesSent += body.length
    this.#stream.body(body)
    if (!this.#endsWithReset) this.#stream.end()
  }

  drained(): void {
    this.#exchange?.drained()
    this.#expectWhatIsDue()
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  finish(): void {
    this.#over()
    this.#stream.leave()
    this.#expectWhatIsDue()
  }

  reset(): void {
    this.#over()
    this.#stream.reset(this.#isTunnel ? ErrorCode.Cancel : ErrorCode.InternalError)
    this.#context.deadlines.remove(this)
  }

  #over(): void {
    this.#exchange = undefined
    this.#isBodyWanted = false
    if (!this.#isAnswered) this.#owner.unanswered()
  }

  protected override overdue(owed: Owed): void {
    if (owed === 'body') return this.#exchange?.failed(new Failure('body-timeout'))
    if (owed !== 'reading') return
    if (this.hasReadTo(this.#stream.sent)) return this.#expectWhatIsDue()
    this.#stream.fail(ErrorCode.Cancel)
  }

  /** Sets the deadline for what the client now owes. Without one, nothing is left of it: the stream may be forgotten. */
  #expectWhatIsDue(): void {
    const { deadlines, generation } = this.#context
    const owed = this.#owed
    if (owed === 'nothing' && this.#exchange === undefined) {
      this.met()
      if (this.slot >= 0) deadlines.remove(this)
    } else {
      this.expect(owed, generation.snapshot.timeouts, this.#stream.sent, deadlines)
    }
  }

  /** What the client now owes: to read, or to go on with its request. */
  get #owed(): Owed {
    if (this.#stream.isBlocked) return 'reading'
    return this.#isBodyWanted && this.#isBodyOwed && !this.#isTunnel ? 'body' : 'nothing'
  }
}
