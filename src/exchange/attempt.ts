import type { ServerState } from '../balancing/server-state.ts'
import { passedTrailers } from '../forwarding/passed-trailers.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import { CHUNKED, type Framing, UNTIL_CLOSE } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { AttemptRecord } from '../observability/exchange-record.ts'
import { now } from '../runtime/clock.ts'
import type { Server, Upstream, UpstreamTimeouts } from '../runtime/snapshot.ts'
import type { AttemptOwner } from './attempt-owner.ts'
import { BodyTap } from './body-tap.ts'
import { type Call, CallDeadline } from './call-deadline.ts'
import type { Downstream } from './downstream.ts'
import { Failure } from './failure.ts'
import { grpcStatusIn, isBadAnswer } from './grpc-status.ts'
import type { RequestBodyUser, RequestReplay, RequestSource } from './request-body.ts'
import type { ResponseSink } from './response-sink.ts'
import { ServerJudge } from './server-judge.ts'
import type { ConnectionNeed, ServerStream, ServerStreamUser } from './server-stream.ts'
import { makeSpanId } from './trace.ts'
import { Tunnel, type TunnelOwner } from './tunnel.ts'
import type { OpenTunnel } from './tunnels.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/** How often a call that is to be closed is looked at again as long as its server owes the first answer, in ms. */
const FIRST_ANSWER_PATIENCE = 1000

/**
 * One try of an exchange on one server: sends the request and relays the response. At its end it reports to the
 * exchange that it is complete, or how it failed.
 */
export class Attempt implements ServerStreamUser, RequestBodyUser, TunnelOwner, OpenTunnel, Call, AttemptRecord {
  readonly server: ServerState
  readonly begunAt: number
  readonly spanId: string
  protocol: ServerStream['protocol'] | undefined
  connectedAt = 0
  answeredAt = 0
  status = 0
  /** Whether the response has begun to be written to the client. */
  responseBegun = false
  /** Whether the client is slower to read the response than the server sends it. */
  isPaused = false
  /** Whether the response could end at any point of its body, and still be whole by its framing. */
  mayEndNow = false
  readonly #owner: AttemptOwner
  readonly #downstream: Downstream
  /** What takes the response. */
  #sink: ResponseSink
  readonly #group: UpstreamGroup
  readonly #judge: ServerJudge
  #stream: ServerStream | undefined
  /** The form in which the server wants the request's body. */
  #bodyForm: BodyForm = 'data'
  /** Whether all of the request has been written to the server, or was written with its head. */
  #requestEnded = false
  /** Hands over the request's body, if that has been kept and is too long to go with the head. */
  #replay: RequestReplay | undefined
  /** Whether bytes of the body were forwarded without being kept, so that they cannot be sent again. */
  #hasSentBody = false
  /** Whether the server is slower to read the request than the client sends it. */
  #serverIsFull = false
  /** Whether the server has sent anything. */
  #isHeard = false
  /** What the response's Connection fields list, which may also be trailers. */
  #responseOptions = ''
  /** Shows the first bytes of the response's body to a reader, if there is one. */
  #tap: BodyTap | undefined
  /** Once both sides have switched protocols. */
  #tunnel: Tunnel | undefined
  /** When a call of gRPC is closed; undefined for a call that is not to be. */
  #closing: CallDeadline | undefined
  #isClaimed = true
  /** Whether the request was sent on a second connection, since the server had not processed it on the first. */
  #isRepeated = false
  /** How the attempt failed; undefined as long as it has not. */
  #failure: Failure | undefined

  /** @param server claimed for this attempt, which releases it */
  constructor(owner: AttemptOwner, group: UpstreamGroup, server: ServerState, time: number) {
    this.#owner = owner
    this.#downstream = owner.downstream
    this.#sink = owner.downstream
    this.#group = group
    this.server = server
    this.begunAt = time
    this.spanId = owner.trace === undefined ? '' : makeSpanId()
    this.#judge = new ServerJudge(owner.context.notices, group, server, time)
  }

  get room(): number {
    return this.#sink.room
  }

  begin(): void {
    const { context, request, body } = this.#owner
    if (request.isGrpc) context.tunnels.add(this.server.settings.slot, this)
    this.#open(request.isIdempotent && body.isKept ? 'any' : 'proven')
  }

  #open(need: ConnectionNeed): void {
    const { body, request } = this.#owner
    this.#requestEnded = body.goesWithHead
    if (!this.#requestEnded) {
      this.#replay?.cancel()
      this.#replay = body.replay(this)
      // The body may only follow once the head has been sent on this stream.
      this.#source.holdBody()
    }
    this.replaced(this.#group.streams.open(this.server, this.#downstream.origin, request.mayUpgrade, need, this))
  }

  /** What hands over the rest of the request's body. */
  get #source(): RequestSource {
    return this.#replay ?? this.#downstream
  }

  replaced(stream: ServerStream): void {
    this.#stream = stream
    if (stream.isConnected) this.#send(stream)
    else stream.wait(this.#timeouts.connect)
  }

  /** Ends the attempt at any point and releases its server and its stream. A second call does nothing. */
  end(): void {
    this.#drop()
    if (!this.#isClaimed) return
    this.#isClaimed = false
    if (this.#tunnel !== undefined) this.#leaveTunnel(this.#tunnel)
    if (this.#owner.request.isGrpc) this.#leaveCall()
    // Before the release, after which the server's slot may be returned.
    for (const observer of this.#owner.context.observers) observer.attemptEnded?.(this, this.#owner)
    this.server.release()
  }

  #leaveTunnel(tunnel: Tunnel): void {
    tunnel.stop()
    this.#owner.context.tunnels.remove(this.server.settings.slot, tunnel)
    this.server.closeTunnel()
  }

  #leaveCall(): void {
    const { deadlines, tunnels } = this.#owner.context
    tunnels.remove(this.server.settings.slot, this)
    if (this.#closing !== undefined) deadlines.remove(this.#closing)
  }

  #drop(): void {
    this.#replay?.cancel()
    const stream = this.#stream
    this.#stream = undefined
    if (stream === undefined) return
    // What a client sent in a tunnel before it left is still sent to the server.
    if (this.isTunnel) stream.finish(this.#timeouts.idle)
    else stream.cancel()
  }

  get upstream(): Upstream {
    return this.#group.settings
  }

  get target(): Server {
    return this.server.settings
  }

  get failureCode(): string | undefined {
    return this.#failure?.code
  }

  get #timeouts(): UpstreamTimeouts {
    const { timeouts } = this.#group.settings
    const own = this.#owner.route?.timeouts
    return own === undefined ? timeouts : { ...timeouts, ...own }
  }

  get isServerTransient(): boolean {
    return this.server.isExpected || !this.server.keepsConnections
  }

  /** Whether both sides have switched protocols; each direction then lasts until it is ended. */
  get isTunnel(): boolean {
    return this.#tunnel !== undefined
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  /** The form in which the request's body is passed on. */
  get bodyForm(): BodyForm {
    return this.#owner.request.framing === CHUNKED ? this.#bodyForm : 'data'
  }

  /** Whether all of the request is still here, so that it can be sent again if the server has not seen it. */
  get mayResend(): boolean {
    return !this.#hasSentBody
  }

  /** Whether the request can be sent again although this attempt has sent all or part of it. */
  get mayRepeat(): boolean {
    return this.#owner.request.isIdempotent && this.mayResend
  }

  connected(): void {
    this.connectedAt = now()
    this.#send(this.#stream!)
  }

  #send(stream: ServerStream): void {
    const { context, request, body, trace, edits } = this.#owner
    const head = context.headOf(request)
    const { origin } = this.#downstream
    this.protocol = stream.protocol
    this.#bodyForm = stream.send(
      request,
      head,
      {
        options: edits?.optionsFor(head, request.options) ?? request.options,
        edits,
        client: origin.address.text,
        isSecure: origin.isSecure,
        port: origin.port,
        peer: origin.peer.text,
        certificate: origin.ends.tls?.clientCertificate,
        believed: origin.believed,
        requestId: request.id,
        serverAddress: this.server.settings.address,
        hasBody: request.framing !== 0,
        upgrade: request.mayUpgrade,
        asksForTrailers: request.asksForTrailers,
        ownCookies: context.generation.ownCookies,
        trace,
        spanId: this.spanId,
      },
      body,
    )
    if (!body.isKept && body.bytes !== undefined) {
      this.#hasSentBody = true
      body.letGo()
    }
    this.#serverIsFull = !stream.flush()
    this.#judge.requestSent()
    if (this.#requestEnded) this.#owner.requestSent()
    // While the client still owes the body, no timeout runs for the server, unless the client waits for its 100
    // (Continue).
    stream.wait(this.#requestEnded || body.isHeldBack ? this.#timeouts.firstByte : this.#leisure)
    this.#wantBody()
  }

  #wantBody(): void {
    if (this.#requestEnded || this.#serverIsFull) return
    this.#source.wantBody(this.#bodyForm, this.#isBodyOwed)
  }

  /** Whether the client must go on with its body. It need not while it waits for a 100 (Continue). */
  get #isBodyOwed(): boolean {
    if (this.#isDialogue) return false
    return !(this.#owner.body.isHeldBack && !this.#hasSentBody && !this.#isHeard)
  }

  requestBytes(bytes: Buffer, from: number, to: number): void {
    this.#hasSentBody ||= this.#replay === undefined
    if (this.#tunnel === undefined) this.#stream!.data(bytes, from, to)
    else this.#tunnel.clientBytes(bytes, from, to)
  }

  requestEnded(trailers?: Head): void {
    this.#requestEnded = true
    this.#hasSentBody ||= this.#replay === undefined
    if (this.#tunnel !== undefined) return this.#tunnel.clientEnd()
    this.#stream!.end(passedTrailers(trailers, this.#owner.request.options.text, this.#owner.edits))
    this.#judge.requestSent()
    this.#owner.requestSent()
  }

  flushRequest(): void {
    const stream = this.#stream
    if (stream === undefined) return
    this.#serverIsFull = !stream.flush()
    if (this.#serverIsFull && !this.#requestEnded) this.#source.holdBody()
    stream.wait(this.#patience)
    this.#tunnel?.advance()
  }

  /** How long the server may now be silent, in ms; 0 for no limit. */
  get #patience(): number {
    if (this.isPaused) return 0
    if (this.#isHeard && this.#awaitsClient) return this.#leisure
    if (this.isTunnel || this.responseBegun) return this.#silence
    if (this.#requestEnded) return this.#timeouts.firstByte
    return this.#serverIsFull ? this.#timeouts.idle : this.#leisure
  }

  /** Whether either side may say nothing for long: a switched protocol, or a call of gRPC, which may be a stream of events. */
  get #isDialogue(): boolean {
    return this.isTunnel || this.#owner.request.isGrpc
  }

  /** How long the server may be silent, in ms, while the client has to act first; 0 for no limit. */
  get #leisure(): number {
    return this.#isDialogue ? this.#timeouts.tunnel : 0
  }

  /** Whether the server is ready for more of the request, and the client has not sent it. */
  get #awaitsClient(): boolean {
    return !this.isTunnel && !this.#requestEnded && !this.#serverIsFull
  }

  /** How long the server may be silent in the middle of something, in ms. */
  get #silence(): number {
    return this.#isDialogue ? this.#timeouts.tunnel : this.#timeouts.idle
  }

  drained(): void {
    this.#serverIsFull = false
    this.#stream!.wait(this.#patience)
    this.#wantBody()
  }

  // ── the response ───────────────────────────────────────────────────────────────────────────────────────────────

  heard(): void {
    const isFirst = !this.#isHeard
    this.#isHeard = true
    this.#stream!.wait(this.#awaitsClient ? this.#leisure : this.#silence)
    // The client no longer waits for a 100 (Continue): from now on it must send its body.
    if (isFirst && this.#owner.body.isHeldBack) this.#wantBody()
  }

  interim(head: ResponseHead, options: ConnectionOptions): void {
    // A pause holds back no heads of HTTP/2, and a client that does not read needs none of these.
    if (this.isPaused) return
    this.#downstream.inform(head, this.#withoutControls(head, options))
  }

  response(head: ResponseHead, options: ConnectionOptions, framing: Framing): BodyForm {
    const { context } = this.#owner
    if (!this.#owner.takes(head)) return 'data'
    this.#noteAnswer(head)
    this.#responseOptions = options.text
    const passed = this.#withoutControls(head, options)
    const fields = this.#owner.answered(head, this.#obeyControls())
    this.mayEndNow = framing < 0 && this.#owner.request.isHttp2
    this.#judge.answered(this.#owner.request.isGrpc ? this.#answerToCall(head) : head.status < 500)
    const reader = this.#owner.readerOf(head)
    this.#sink = this.#owner.sink
    const form = this.#sink.respond(head, this.#owner.optionsFor(head, passed), framing, fields)
    if (reader !== undefined) {
      const tapped = form === 'data' && framing === CHUNKED ? UNTIL_CLOSE : framing
      this.#tap = new BodyTap(reader, tapped, context.generation.snapshot.limits)
    }
    return form
  }

  #noteAnswer({ status }: ResponseHead): void {
    this.responseBegun = true
    this.answeredAt = now()
    this.status = status
  }

  /** The client gets another answer than the server's. */
  answerReplaced(head: ResponseHead): void {
    this.answeredAt = now()
    this.status = head.status
    this.#judge.answered(head.status < 500)
    this.#stream!.discard()
    this.#stream = undefined
  }

  /** Another server is asked, although this one has answered. */
  answerRefused(head: ResponseHead): void {
    this.answerReplaced(head)
    this.#fail(new Failure('answer-refused', '', { status: head.status }))
  }

  /** Returns whether the head of an answer to a call is good. If the call ends with it, its status is here. */
  #answerToCall(head: ResponseHead): boolean {
    const status = grpcStatusIn(head)
    if (status === undefined) return head.status < 500
    this.#owner.callEnded(status)
    return !isBadAnswer(status)
  }

  switched(head: ResponseHead, options: ConnectionOptions): void {
    const { deadlines, tunnels } = this.#owner.context
    if (!this.#owner.takes(head)) return
    this.#noteAnswer(head)
    this.#tunnel = new Tunnel(this, head, this.#downstream, this.#stream!, deadlines)
    tunnels.add(this.server.settings.slot, this.#tunnel)
    this.server.openTunnel()
    this.#requestEnded = false
    const passed = this.#withoutControls(head, options)
    const fields = this.#owner.answered(head, this.#obeyControls())
    this.#judge.switched()
    this.#downstream.upgrade(head, this.#owner.optionsFor(head, passed), fields)
    this.#stream!.wait(this.#silence)
    this.flush()
    this.#downstream.wantBody('data', false)
  }

  /** The options with which a head is passed on: without what the server says to Limpet, if it may say anything. */
  #withoutControls(head: ResponseHead, options: ConnectionOptions): ConnectionOptions {
    if (this.#group.settings.controlHeaders !== true) return options
    return this.#owner.context.controlHeaders.read(head, options)
  }

  /** Acts on what the server says in the head that was just read. Returns whether the session of the request is over. */
  #obeyControls(): boolean {
    if (this.#group.settings.controlHeaders !== true) return false
    const { controlHeaders } = this.#owner.context
    this.#judge.said(controlHeaders)
    return controlHeaders.endsSession
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    if (this.#tunnel !== undefined) return this.#tunnel.serverBytes(bytes, from, to)
    if (this.#tap !== undefined && !this.#tap.see(bytes.subarray(from, to))) this.#tap = undefined
    this.#sink.data(bytes, from, to)
  }

  flush(): void {
    if (this.#sink.flush()) return this.#tunnel?.advance()
    if (this.#stream === undefined || this.#tunnel?.takesFromServer === false) return
    this.isPaused = true
    this.#stream.pause()
    this.#stream.wait(0)
  }

  ended(trailers?: Head): void {
    if (this.#tunnel !== undefined) return this.#tunnel.serverEnd()
    this.#tap?.end()
    if (this.#owner.request.isGrpc && trailers !== undefined) this.#owner.callEnded(grpcStatusIn(trailers))
    // Its connection may serve others from now on, even if the end of the response ends the exchange at once.
    this.#stream = undefined
    const { request, responseEdits } = this.#owner
    this.#sink.end(request.takesTrailers ? passedTrailers(trailers, this.#responseOptions, responseEdits) : undefined)
    this.#sink.flush()
    this.#complete()
  }

  tunnelOver(): void {
    this.#complete()
  }

  /** The client has taken all that was written for it. */
  clientDrained(): void {
    if (!this.isPaused || this.#stream === undefined) return
    this.isPaused = false
    this.#stream.resume()
    this.#stream?.wait(this.#patience)
    this.#tunnel?.advance()
  }

  #complete(): void {
    this.#drop()
    this.#owner.attemptComplete()
  }

  // ── a call that is closed ──────────────────────────────────────────────────────────────────────────────────────

  close(ms: number): void {
    const { deadlines } = this.#owner.context
    this.#closing ??= new CallDeadline(this)
    if (deadlines.now + ms < this.#closing.deadline) deadlines.set(this.#closing, Math.max(1, ms))
  }

  deadlinePassed(): void {
    // A single call ends with its answer, for which `firstByte` does not wait for long; a stream goes on after it.
    if (this.#requestEnded && !this.responseBegun)
      return this.#owner.context.deadlines.set(this.#closing!, FIRST_ANSWER_PATIENCE)
    this.#fail(new Failure('server-drained'))
  }

  // ── failures ───────────────────────────────────────────────────────────────────────────────────────────────────

  timedOut(): void {
    if (this.isTunnel) return this.#complete()
    if (!this.#stream!.isConnected) return this.#fail(new Failure('connect-timeout'))
    if (this.#isDialogue && (this.responseBegun || this.#awaitsClient)) return this.#fail(new Failure('call-timeout'))
    this.#fail(new Failure(this.responseBegun ? 'response-cut' : 'response-timeout'))
  }

  failed(failure: Failure): void {
    this.#stream = undefined
    if (this.isTunnel) return this.#owner.attemptAborted()
    if (this.#isWorthAnother(failure)) {
      this.#isRepeated = true
      return this.#open(failure.code === 'not-processed' ? 'any' : 'new')
    }
    this.#fail(failure)
  }

  /** Whether the same server is to be tried once more, on another connection, since the failure is not its fault. */
  #isWorthAnother({ code, incident }: Failure): boolean {
    if (code === 'not-processed') return this.mayResend && !this.#isRepeated
    // The server closed an idle connection just before it was used; or with the connection it lost several requests, any of which
    // may be the cause: which one it is shows when each has a connection of its own.
    const isNobodys = code === 'connection-stale' || (code === 'no-answer' && incident?.isShared === true)
    return isNobodys && this.mayRepeat
  }

  #fail(failure: Failure): void {
    this.#drop()
    this.#failure = failure
    this.#owner.attemptFailed(failure)
  }

  /** Whether the failure says only that the server ends or starts, so that it was no try (`ServerJudge.excuses`). */
  excuses(failure: Failure): boolean {
    return this.#judge.excuses(failure)
  }

  /** Counts the failure against the server, if the server is to blame. */
  blame(): void {
    this.#judge.blame(this.#failure!, this.responseBegun, this.#owner.trace?.traceId)
  }
}
