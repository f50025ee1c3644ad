import type { ServerState } from '../balancing/server-state.ts'
import { Failure, failureOf } from '../exchange/failure.ts'
import type { ReceivedRequest } from '../exchange/received-request.ts'
import { isShort, type RequestBody } from '../exchange/request-body.ts'
import type { ConnectionNeed, ServerStream, ServerStreamUser } from '../exchange/server-stream.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { ClientOrigin } from '../forwarding/client-origin.ts'
import { writeRequestHead } from '../forwarding/forwarded-request.ts'
import type { Forwarding } from '../forwarding/forwarding-fields.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import { connectionOptions } from '../http1/connection-options.ts'
import { framingOfResponse } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { ErrorCode } from '../http2/error-code.ts'
import type { ResponseLines } from '../http2/heads/response-lines.ts'
import type { ClientSession, ResponseUser } from '../http2/session/client-session.ts'
import type { Stream } from '../http2/session/stream.ts'
import { Timed } from '../runtime/deadlines.ts'
import type { FailureCode } from '../runtime/failure-code.ts'
import type { Dialler } from './dialler.ts'
import type { Http2Pool } from './http2-pool.ts'
import { RESPONSE_LIMITS } from './response-limits.ts'
import type { ServerSocket } from './server-socket.ts'
import type { PlacedStream, SharedConnection } from './shared-connection.ts'
import { SwitchingHead } from './switching-head.ts'

/** One request and its response on an HTTP/2 connection to a server, from when it waits for one. */
export class Http2Stream extends Timed implements ServerStream, PlacedStream, ResponseUser {
  readonly protocol = 'HTTP/2.0'
  readonly need: ConnectionNeed
  isOver = false
  readonly #dialler: Dialler
  readonly #server: ServerState
  readonly #origin: ClientOrigin
  readonly #pool: Http2Pool
  readonly #user: ServerStreamUser
  readonly #context: WorkerContext
  readonly isForConnect: boolean
  /** Where it waits, or is open. */
  #connection: SharedConnection | undefined
  #session: ClientSession | undefined
  /** Undefined until the request is sent. */
  #stream: Stream<ResponseUser> | undefined
  #request: ReceivedRequest | undefined
  /** How long the server may be silent, in ms. */
  #patience = 0
  /** Whether it waited too long for one connection, and perhaps waits for another. */
  #hasMoved = false
  #isSentAtOnce = false
  #requestEnded = false
  #isHeard = false
  #responseBegun = false
  /** Makes the head of a 101 of the answer to an extended CONNECT; undefined for other requests. */
  #switching: SwitchingHead | undefined
  #isTunnel = false

  constructor(
    dialler: Dialler,
    server: ServerState,
    origin: ClientOrigin,
    pool: Http2Pool,
    isUpgrade: boolean,
    need: ConnectionNeed,
    user: ServerStreamUser,
    context: WorkerContext,
  ) {
    super()
    this.#dialler = dialler
    this.#server = server
    this.#origin = origin
    this.#pool = pool
    this.isForConnect = isUpgrade && dialler.mayUseHttp1
    this.need = need
    this.#user = user
    this.#context = context
  }

  // ── its connection ─────────────────────────────────────────────────────────────────────────────────────────────

  get isConnected(): boolean {
    return this.#session !== undefined
  }

  connect(): SharedConnection {
    return this.#dialler.connectHttp2(this.#server, this.#origin, this.#pool)
  }

  waitAt(connection: SharedConnection): void {
    this.#connection = connection
  }

  begin(connection: SharedConnection, session: ClientSession): void {
    const hasWaited = this.#connection !== undefined
    this.#connection = connection
    if (this.isForConnect && !session.takesConnect) return this.useHttp1()
    this.#session = session
    if (hasWaited) this.#user.connected()
  }

  goOnBy(socket: ServerSocket): void {
    this.#replace(socket)
  }

  /** The server speaks HTTP/1.1, or must for this request. */
  useHttp1(): void {
    this.#replace(undefined)
  }

  #replace(socket: ServerSocket | undefined): void {
    this.#leave()
    this.#user.replaced(this.#dialler.openHttp1(this.#server, this.#origin, this.need, this.#user, socket))
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  send(request: ReceivedRequest, head: RequestHead, forwarding: Forwarding, body: RequestBody): BodyForm {
    const { scratch } = this.#context
    this.#request = request
    if (request.mayUpgrade) this.#switching = SwitchingHead.for(head)
    const { framing, bytes, goesWithHead: isWhole } = body
    this.#isSentAtOnce = isWhole && isShort(framing)
    writeRequestHead(scratch, head, framing, forwarding)
    if (this.#switching !== undefined && !this.#session!.takesConnect) {
      scratch.length = 0
      this.fail(new Failure('not-implemented', 'a WebSocket'))
      return 'data'
    }
    const stream = this.#session!.openStream(this)
    this.#stream = stream
    this.#requestEnded = isWhole && this.#switching === undefined
    const ends = this.#requestEnded && bytes === undefined
    if (this.#switching === undefined) {
      stream.head(scratch.bytes, 0, scratch.length, ends)
    } else {
      const extended = SwitchingHead.connectOf(scratch.bytes.subarray(0, scratch.length))
      stream.head(extended, 0, extended.length, ends)
    }
    scratch.length = 0
    if (bytes === undefined) return 'data'
    stream.data(bytes, 0, bytes.length)
    if (isWhole) stream.end()
    return 'data'
  }

  data(bytes: Buffer, from: number, to: number): void {
    this.#stream!.data(bytes, from, to)
  }

  end(trailers?: Head): void {
    this.#requestEnded = true
    this.#stream!.end(trailers)
  }

  flush(): boolean {
    return this.#stream?.isBlocked !== true
  }

  drained(): void {
    if (!this.isOver) this.#user.drained()
  }

  // ── the response ───────────────────────────────────────────────────────────────────────────────────────────────

  pause(): void {
    this.#stream?.pause()
  }

  resume(): void {
    this.#stream?.resume()
  }

  head(lines: ResponseLines, isLast: boolean): void {
    if (this.isOver) return
    this.#heard()
    if (this.isOver) return
    const { responseHead: head } = this.#context
    const switching = lines.statusClass === 2 ? this.#switching : undefined
    try {
      const bytes = switching?.of(lines) ?? lines.bytes.subarray(0, lines.length)
      if (!head.parse(bytes, 0, RESPONSE_LIMITS)) throw new Error('a head of HTTP/2 is incomplete')
      if (switching !== undefined) this.#switchProtocols(head)
      else if (head.status < 200) this.#inform(head)
      else this.#beginBody(head, isLast)
    } catch (error) {
      this.malformed(failureOf(error).detail)
      this.#stream!.reset(ErrorCode.ProtocolError)
    }
  }

  #inform(head: ResponseHead): void {
    this.#user.interim(head, connectionOptions(head))
    this.#user.flush()
  }

  #heard(): void {
    this.#isHeard = true
    this.#user.heard()
  }

  #beginBody(head: ResponseHead, isLast: boolean): void {
    const framing = framingOfResponse(head, this.#request!.method === 'HEAD')
    const stream = this.#stream!
    this.#responseBegun = true
    this.#connection!.answered()
    if (framing >= 0) stream.announce(framing)
    this.#user.response(head, connectionOptions(head), framing)
    if (this.isOver) return
    stream.resume()
    if (!isLast) this.#user.flush()
  }

  #switchProtocols(head: ResponseHead): void {
    this.#isTunnel = true
    this.#responseBegun = true
    this.#requestEnded = false
    this.#connection!.answered()
    this.#stream!.resume()
    this.#user.switched(head, connectionOptions(head))
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    if (this.isOver) return
    this.#heard()
    if (!this.isOver) this.#user.bodyBytes(bytes, from, to)
  }

  handedOver(): void {
    if (!this.isOver) this.#user.flush()
  }

  bodyEnded(trailers: Head | undefined): void {
    if (this.isOver) return
    if (this.#isTunnel) return this.#user.ended()
    const stream = this.#stream!
    this.#leave()
    this.#connection!.completed()
    // An early answer: the rest of the request is not wanted.
    if (!this.#requestEnded || stream.isBlocked) stream.reset(ErrorCode.Cancel)
    this.#user.ended(trailers)
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  wait(ms: number): void {
    if (this.isOver) return
    this.#patience = ms
    this.#context.deadlines.set(this, ms)
  }

  /** Whether silence says nothing about the server: in a dialogue, nobody has to speak. */
  get #mayBeQuiet(): boolean {
    return this.#isTunnel || (this.#request!.isGrpc && (this.#responseBegun || !this.#requestEnded))
  }

  override expire(): void {
    const stream = this.#stream
    if (this.isOver) return stream?.reset(ErrorCode.Cancel)
    if (!this.isConnected) return this.#waitedTooLong()
    const incident = this.#mayBeQuiet ? undefined : this.#connection!.silenceOf(this.#patience)
    if (incident === undefined) return this.#user.timedOut()
    stream!.reset(ErrorCode.Cancel)
    this.fail(
      Failure.by(incident, this.#responseBegun ? 'response-cut' : 'response-timeout', 'the connection is silent'),
    )
  }

  #waitedTooLong(): void {
    const hasMoved = this.#hasMoved
    this.#hasMoved = true
    // It may go to another connection, on which it has as long once more.
    if (!hasMoved) this.wait(this.#patience)
    this.#connection!.waitedTooLong()
    if (!hasMoved || this.isOver || this.isConnected) return
    this.#connection!.forget(this)
    this.fail(new Failure('connect-timeout'))
  }

  cancel(): void {
    this.#leave()
    if (this.#stream !== undefined) this.#stream.reset(ErrorCode.Cancel)
    else this.#connection?.forget(this)
  }

  discard(): void {
    this.cancel()
  }

  finish(ms: number): void {
    const stream = this.#stream!
    this.#leave()
    stream.end()
    stream.leave()
    if (!stream.isOver) this.#context.deadlines.set(this, ms)
  }

  #leave(): void {
    this.isOver = true
    this.#context.deadlines.remove(this)
  }

  malformed(reason: string): void {
    this.fail(new Failure('response-malformed', reason))
  }

  closed(code: ErrorCode, isUnprocessed: boolean): void {
    this.#context.deadlines.remove(this)
    if (this.isOver) return
    const { loss, served } = this.#connection!
    const detail = loss?.detail ?? `the server reset the stream (code ${code})`
    if (isUnprocessed) return this.fail(new Failure('not-processed', detail))
    if (code === ErrorCode.Http11Required && loss === undefined && this.#dialler.mayUseHttp1) {
      this.#pool.choseHttp1()
      return this.fail(new Failure('not-processed', detail))
    }
    this.fail(
      loss === undefined
        ? new Failure(this.#codeOfLoss(false), detail)
        : Failure.by(loss.incident, this.#codeOfLoss(loss.isReset, served > 0, loss.isFault), detail),
    )
  }

  #codeOfLoss(isReset: boolean, isReused = false, isFault = false): FailureCode {
    if (isFault && (this.#isHeard || !this.#connection!.loss!.incident.isShared)) return 'response-malformed'
    if (!this.#isHeard && isReused) return 'connection-stale'
    const isBeingSent = !this.#requestEnded || this.#stream!.isBlocked || (isReset && !this.#isSentAtOnce)
    if (isBeingSent && !this.#isTunnel) return 'request-cut'
    if (this.#responseBegun) return 'response-cut'
    return this.#isHeard ? 'connection-lost' : 'no-answer'
  }

  fail(failure: Failure): void {
    if (this.isOver) return
    this.#leave()
    this.#user.failed(failure)
  }
}
