import type { ServerState } from '../balancing/server-state.ts'
import type { ClientConnection } from '../downstream/client-connection.ts'
import { writeRequestHead, writeResponseHead, writeSwitchingHead } from '../forwarding/forwarded-head.ts'
import { connectionOptions, persists } from '../http1/connection-options.ts'
import { FieldName } from '../http1/field-name.ts'
import { CHUNKED, type Framing, framingOfResponse, UNTIL_CLOSE } from '../http1/framing.ts'
import { MessageError } from '../http1/message-error.ts'
import { isWorthReading, PendingBytes } from '../http1/pending-bytes.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { now } from '../runtime/clock.ts'
import { shortageIn } from '../runtime/shortage.ts'
import { BodyRelay, type OutgoingFraming } from '../transport/body-relay.ts'
import type { UpstreamConnection, UpstreamUser } from '../upstream/upstream-connection.ts'
import type { UpstreamGroup } from '../upstream/upstream-group.ts'
import type { DataPlane } from '../worker/data-plane.ts'
import { BodyTap } from './body-tap.ts'
import type { Exchange } from './exchange.ts'
import { Failure, type FailureCode, failureOf } from './failure.ts'

/** How large a response's head may be. */
const RESPONSE_LIMITS = { headSize: 64 * 1024, headers: 256 }

/**
 * One try of an exchange on one server: sends the request, and relays the response. It ends by telling the exchange that
 * it is complete, or how it failed.
 */
export class Attempt implements UpstreamUser {
  readonly server: ServerState
  /** Whether the client has been told anything of the response. */
  responseBegun = false
  /** Whether both sides have switched protocols: both ways last until they are closed. */
  isTunnel = false
  readonly #exchange: Exchange
  readonly #plane: DataPlane
  readonly #client: ClientConnection
  readonly #group: UpstreamGroup
  #connection: UpstreamConnection | undefined
  #requestBody: BodyRelay | undefined
  #responseBody: BodyRelay | undefined
  /** Looks at the first bytes of the response's body, where somebody wants to. */
  #tap: BodyTap | undefined
  /** Whether the server has said anything at all. */
  #isHeard = false
  /** The start of a response's head that is still incomplete. */
  #held: PendingBytes | undefined
  #serverPersists = false
  /** When the attempt began, and then when the request had been sent, for policies that go by how long it takes to answer. */
  #sentAt: number
  #isClaimed = true
  /** How it failed, once it has. */
  #failure: Failure | undefined

  /** @param server claimed for this attempt, which releases it */
  constructor(
    exchange: Exchange,
    plane: DataPlane,
    client: ClientConnection,
    group: UpstreamGroup,
    server: ServerState,
    time: number,
  ) {
    this.#exchange = exchange
    this.#plane = plane
    this.#client = client
    this.#group = group
    this.server = server
    this.#sentAt = time
  }

  begin(): void {
    const { address, isWhole, request } = this.#exchange
    const isDelicate = !(request.isIdempotent && isWhole)
    this.#take(this.#group.connectionTo(this.server, this.#client, address, isDelicate))
  }

  #take(connection: UpstreamConnection): void {
    this.#connection = connection
    // What arrives of the body must wait for the head to be sent on this connection.
    this.#requestBody = undefined
    connection.use(this)
    if (connection.isConnected) this.#send(connection)
  }

  /** Ends the attempt wherever it is; its server and its connection are let go, once. */
  end(): void {
    this.#drop()
    if (!this.#isClaimed) return
    this.#isClaimed = false
    this.server.release()
  }

  #drop(): void {
    if (this.#connection !== undefined) this.#close(this.#connection)
    this.#connection = undefined
  }

  /** What a client said in a tunnel before it left still reaches the server. */
  #close(connection: UpstreamConnection): void {
    if (this.isTunnel) connection.finish(this.#timeouts.idle)
    else connection.destroy()
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether all of the request has been sent, or needs not be. */
  get requestIsDone(): boolean {
    return this.#requestBody === undefined ? this.#exchange.isWhole : this.#requestBody.done
  }

  /** Bytes of the request's body that were sent as they came. */
  get bodySent(): number {
    return this.#requestBody?.sent ?? 0
  }

  /** Whether the request can be sent again though this attempt has sent it, or some of it. */
  get mayRepeat(): boolean {
    return this.#exchange.request.isIdempotent && this.bodySent === 0
  }

  /** Whether the server is ready for bytes of the request's body. */
  get wantsBody(): boolean {
    return this.#requestBody !== undefined && !this.#requestBody.done && !this.#connection!.writer.isFull
  }

  connected(): void {
    this.#send(this.#connection!)
  }

  #send(connection: UpstreamConnection): void {
    const { scratch, snapshot, requestHead } = this.#plane
    const { request, expectsContinue, address, isSecure, isWhole, body } = this.#exchange
    if (connection.introduction !== undefined) {
      scratch.write(connection.introduction)
      connection.introduction = undefined
    }
    writeRequestHead(scratch, request.headIn(requestHead, snapshot.limits), request.options, request.framing, {
      client: address.text,
      isSecure,
      port: this.#client.portReachedBy(requestHead),
      peer: this.#client.peer.text,
      believed: this.#client.trustedPeer?.source,
      requestId: request.id,
      serverAddress: this.server.settings.address,
      upgrade: request.mayUpgrade,
      ownCookies: this.#plane.ownCookies,
    })
    if (body !== undefined) scratch.write(body)
    scratch.flushTo(connection.writer)
    this.#noteSent()
    // Where the body is still to come, it is the client that is waited for; unless that waits to be told to go on.
    connection.wait(isWhole || expectsContinue ? this.#timeouts.firstByte : 0)
    if (!isWhole) {
      this.#requestBody = new BodyRelay(request.framing, 'as-it-came', snapshot.limits, 'client')
      this.#client.continueBody()
    }
  }

  /**
   * Sends on what arrived of the request's body.
   *
   * @returns the offset after what belongs to it
   */
  requestBytes(bytes: Buffer, from: number): number {
    const body = this.#requestBody!
    const connection = this.#connection!
    const { scratch } = this.#plane
    try {
      const end = body.relay(bytes, from, scratch)
      scratch.flushTo(connection.writer)
      const limit = this.#plane.snapshot.limits.bodySize
      if (limit > 0 && body.length > limit && !this.isTunnel) this.#exchange.end(new Failure('body-too-large'))
      else this.#waitForServer()
      if (body.done) this.#noteSent()
      return end
    } catch (error) {
      scratch.flushTo(connection.writer)
      this.#exchange.end(failureOf(error))
      return bytes.length
    }
  }

  /** How long the server may now be silent, in ms: as long as it likes while the client is the one who is waited for. */
  #patienceWith({ socket, writer }: UpstreamConnection): number {
    if (socket.isPaused()) return 0
    if (this.#isHeard && this.#awaitsClient) return 0
    if (this.isTunnel || this.responseBegun) return this.#silence
    if (this.requestIsDone) return this.#timeouts.firstByte
    return writer.isFull ? this.#timeouts.idle : 0
  }

  /** Whether the server could take more of the request, and the client does not send it. */
  get #awaitsClient(): boolean {
    return !this.isTunnel && !this.requestIsDone && !this.#connection!.writer.isFull
  }

  /** Whether the server has said anything at all. */
  get isHeard(): boolean {
    return this.#isHeard
  }

  #waitForServer(): void {
    this.#connection?.wait(this.#patienceWith(this.#connection))
  }

  serverDrained(): void {
    this.#waitForServer()
    this.#client.continueBody()
  }

  /** The client closed its side of a tunnel. */
  halfClose(): void {
    const { writer } = this.#connection!
    this.#requestBody!.close(this.#plane.scratch)
    writer.end()
    if (this.#responseBody!.done) this.#complete(false)
  }

  /** How long the server may be silent in the middle of something, in ms. */
  get #silence(): number {
    return this.isTunnel ? this.#timeouts.tunnel : this.#timeouts.idle
  }

  get #timeouts() {
    return this.#group.settings.timeouts
  }

  /** For policies that want to know how long a server takes to answer. */
  #noteSent(): void {
    if (this.#group.policy.answered !== undefined) this.#sentAt = now()
  }

  /** For those who judge servers by their answers. */
  #noteAnswer(good: boolean): void {
    const { settings, badInRowLimit } = this.#group
    const badInRow = this.server.answered(good)
    if (badInRow === 0 || badInRow % badInRowLimit !== 0) return
    const { name: server } = this.server.settings
    this.#plane.events.report({ type: 'server-erring', upstream: settings.name, server, badInRow })
  }

  /** The server has answered a request, whatever it says. */
  #noteSuccess(): void {
    if (!this.server.succeeded()) return
    const { name: server } = this.server.settings
    this.#plane.events.report({ type: 'server-resumed', upstream: this.#group.settings.name, server })
  }

  #tellPolicy(good: boolean): void {
    const { policy } = this.#group
    if (policy.answered === undefined) return
    const time = now()
    policy.answered(this.server, time - this.#sentAt, good, time)
  }

  // ── the response ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Bytes of the response's body that were sent on. */
  get bytesSent(): number {
    return this.#responseBody?.sent ?? 0
  }

  responseBytes(bytes: Buffer): void {
    const isFirst = !this.#isHeard
    this.#isHeard = true
    this.#connection!.wait(this.#awaitsClient ? 0 : this.#silence)
    // A client that waited to be told to go on is now the one that is waited for.
    if (isFirst && this.#exchange.expectsContinue && !this.requestIsDone) {
      this.#client.continueBody()
      if (this.#exchange.isOver) return
    }
    if (this.#responseBody !== undefined) return this.#relayResponse(bytes, 0)
    if (this.#held?.add(bytes, RESPONSE_LIMITS.headSize) === false) return
    try {
      this.#readResponse(this.#held?.bytes ?? bytes)
    } catch (error) {
      this.#sendInterim()
      this.#fail(new Failure('response-malformed', failureOf(error).detail))
    }
  }

  #readResponse(bytes: Buffer): void {
    const { responseHead } = this.#plane
    for (let at = 0; !this.#exchange.isOver; at = responseHead.end) {
      const isHeld = this.#held !== undefined && at === 0
      const isWorthIt = isHeld || at > 0 || isWorthReading(bytes, at, RESPONSE_LIMITS.headSize)
      if (!isWorthIt || !responseHead.parse(bytes, at, RESPONSE_LIMITS)) {
        if (!isHeld) this.#held = new PendingBytes(bytes.subarray(at))
        return this.#sendInterim()
      }
      if (responseHead.status >= 200) return this.#beginResponse(responseHead)
      if (responseHead.status === 101) return this.#switchProtocols(responseHead)
      this.#relayInterim(responseHead)
    }
    this.#sendInterim()
  }

  /** 1xx: passed to those who know of it (RFC 9110 §15.2), together with what follows in the same read. */
  #relayInterim(head: ResponseHead): void {
    framingOfResponse(head, false)
    if (this.#exchange.request.isHttp10) return
    writeResponseHead(this.#plane.scratch, head, connectionOptions(head), -1, false, 'unsaid')
  }

  #sendInterim(): void {
    const { scratch } = this.#plane
    if (scratch.length > 0 && !this.#client.send(scratch)) this.#holdServer(this.#connection!)
  }

  #beginResponse(head: ResponseHead): void {
    const { method, isHttp10 } = this.#exchange.request
    const framing = framingOfResponse(head, method === 'HEAD')
    const options = connectionOptions(head)
    this.#exchange.answered()
    this.#noteSuccess()
    this.#noteAnswer(head.status < 500)
    this.#tellPolicy(head.status < 500)
    this.#serverPersists = persists(head, options) && framing !== UNTIL_CLOSE
    this.responseBegun = true
    this.#held = undefined
    const closing = this.#exchange.responseBegins(head.status, framing < 0 && isHttp10)
    const body = bodyFor(framing, isHttp10)
    const length = framing >= 0 ? declaredLength(head, framing) : -1
    const { scratch, snapshot } = this.#plane
    const { additions, bodyReader } = this.#exchange
    if (bodyReader !== undefined) this.#tap = new BodyTap(bodyReader, framing, snapshot.limits)
    writeResponseHead(scratch, head, options, length, body !== 'bare' && framing < 0, closing, additions)
    this.#responseBody = new BodyRelay(framing, body, snapshot.limits, 'server')
    this.#relayResponse(head.bytes, head.end)
  }

  /** From here on both sides send what they like, until both have closed (RFC 9110 §7.8). */
  #switchProtocols(head: ResponseHead): void {
    framingOfResponse(head, false)
    if (!this.#exchange.request.mayUpgrade) throw new MessageError('the server switches protocols, unasked')
    if (head.find(FieldName.Upgrade) < 0)
      throw new MessageError('the server switches protocols, and does not say to which')
    const { scratch, snapshot } = this.#plane
    const connection = this.#connection!
    this.#exchange.answered()
    this.#noteSuccess()
    this.#noteAnswer(true)
    this.responseBegun = true
    this.isTunnel = true
    this.#exchange.tunnelBegins(head.status)
    writeSwitchingHead(scratch, head, connectionOptions(head), this.#exchange.additions)
    connection.socket.allowHalfOpen = true
    this.#requestBody = new BodyRelay(UNTIL_CLOSE, 'as-it-came', snapshot.limits, 'client')
    this.#responseBody = new BodyRelay(UNTIL_CLOSE, 'as-it-came', snapshot.limits, 'server')
    connection.wait(this.#silence)
    this.#relayResponse(head.bytes, head.end)
    this.#client.continueBody()
  }

  /**
   * Sends on what arrived of the response, behind what lies in `scratch`: by way of it, since the bytes are overwritten
   * by the next ones that arrive, and a copy costs less than a write of its own.
   */
  #relayResponse(bytes: Buffer, from: number): void {
    const body = this.#responseBody!
    const { scratch } = this.#plane
    if (this.#tap !== undefined && !this.#tap.see(bytes, from)) this.#tap = undefined
    let end: number
    try {
      end = body.relay(bytes, from, scratch)
    } catch (error) {
      this.#client.send(scratch)
      return this.#fail(new Failure('response-malformed', failureOf(error).detail))
    }
    const roomy = this.#client.send(scratch)
    if (body.done) this.#complete(end === bytes.length)
    else if (!roomy) this.#holdServer(this.#connection!)
  }

  /** The client is slower than the server: reads no more until it has caught up. */
  #holdServer(connection: UpstreamConnection): void {
    connection.socket.pause()
    connection.wait(0)
  }

  /** The client has caught up. */
  clientDrained(): void {
    const connection = this.#connection
    if (connection === undefined || !connection.socket.isPaused()) return
    connection.socket.resume()
    this.#waitForServer()
  }

  /** @param clean whether the server sent nothing beyond the response */
  #complete(clean: boolean): void {
    const connection = this.#connection!
    this.#connection = undefined
    if (clean && this.#serverPersists && this.requestIsDone) connection.release()
    else this.#close(connection)
    this.#exchange.attemptComplete()
  }

  // ── how it can go wrong ────────────────────────────────────────────────────────────────────────────────────────

  serverEnded(): void {
    if (this.#closeResponse()) {
      if (this.requestIsDone || !this.isTunnel) return this.#complete(false)
      this.#client.writer.end()
      return
    }
    this.#connectionLost('the server closed the connection')
  }

  /** The server closed its side: returns whether the response is whole by that, and tells the client so. */
  #closeResponse(): boolean {
    const { scratch } = this.#plane
    const isWhole = this.#responseBody?.close(scratch) === true
    if (scratch.length > 0) this.#client.send(scratch)
    return isWhole
  }

  serverClosed(error: Error | undefined): void {
    if (this.isTunnel) return this.#exchange.abort()
    const detail = error?.message ?? 'the connection was closed'
    if (this.#connection!.isConnected) return this.#connectionLost(detail, isReset(error))
    const shortage = shortageIn(error)
    if (shortage !== undefined) this.#plane.meetShortage(shortage)
    this.#fail(new Failure(shortage === undefined ? 'connect-failed' : 'shortage', detail))
  }

  serverTimedOut(): void {
    const { isConnected } = this.#connection!
    if (this.isTunnel) this.#complete(false)
    else if (!isConnected) this.#fail(new Failure('connect-timeout'))
    else this.#fail(new Failure(this.responseBegun ? 'response-cut' : 'response-timeout'))
  }

  /** @param isReset whether by a reset: the kernel of a server that closes sends one where the server has not read all */
  #connectionLost(detail: string, isReset = false): void {
    const connection = this.#connection!
    if (!this.#isHeard && connection.served > 0) {
      if (!this.mayRepeat) return this.#fail(new Failure('connection-stale', detail))
      // It rested in the pool while the server closed it: nobody's fault. The same server again, on a new connection.
      connection.destroy()
      return this.#take(this.#group.newConnectionTo(this.server, this.#client, this.#exchange.address))
    }
    const { isWhole, request } = this.#exchange
    const isBeingSent = !this.requestIsDone || connection.writer.isBehind || (isReset && !isWhole)
    // An early answer whose end is the connection's: a server that has not read all of the request can end it in no other way.
    if ((isBeingSent || (isReset && request.framing !== 0)) && this.#closeResponse()) return this.#complete(false)
    this.#fail(new Failure(isBeingSent ? 'request-cut' : this.#codeOfLoss, detail))
  }

  get #codeOfLoss(): FailureCode {
    if (this.responseBegun) return 'response-cut'
    return this.#isHeard ? 'connection-lost' : 'no-answer'
  }

  #fail(failure: Failure): void {
    this.#drop()
    this.#failure = failure
    this.#exchange.attemptFailed(failure)
  }

  /** Whether a response that breaks off here shows it by its framing, or its own protocol, if the connection just closes. */
  get endIsVisible(): boolean {
    return this.isTunnel || this.#responseBody?.hasVisibleEnd === true
  }

  /** Counts the attempt's failure against its server, as far as that is to blame. */
  blame(): void {
    const failure = this.#failure!
    if (failure.blame === 'nobody') return
    const { server } = this
    if (failure.blame !== 'answer' && server.failed(now())) this.#reportSuspension(failure)
    if (this.responseBegun && failure.blame !== 'answer') return
    this.#noteAnswer(false)
    this.#tellPolicy(false)
  }

  #reportSuspension({ code, detail }: Failure): void {
    const { name: server, failTimeout: ms } = this.server.settings
    const cause = detail === '' ? code : `${code}: ${detail}`
    this.#plane.events.report({ type: 'server-suspended', upstream: this.#group.settings.name, server, ms, cause })
  }
}

/** How a response's body is framed for the client. */
function bodyFor(framing: Framing, isHttp10: boolean): OutgoingFraming {
  if (framing >= 0) return 'as-it-came'
  if (isHttp10) return 'bare'
  return framing === CHUNKED ? 'as-it-came' : 'chunked'
}

/** What Content-Length is to say; -1 for nothing. A response without a body may still tell how long it would be. */
function declaredLength(head: ResponseHead, framing: Framing): number {
  if (framing > 0) return framing
  const field = head.find(FieldName.ContentLength)
  if (field < 0 || head.status === 204 || head.status < 200) return -1
  return Number.parseInt(head.value(field), 10)
}

function isReset(error: Error | undefined): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === 'ECONNRESET' || code === 'EPIPE'
}
