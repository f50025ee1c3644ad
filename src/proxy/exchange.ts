import { keyFor } from '../balancing/key.ts'
import type { ServerState } from '../balancing/server-state.ts'
import { now } from '../clock.ts'
import { type ConnectionOptions, connectionOptions, persists } from '../http1/connection-options.ts'
import { FieldName } from '../http1/field-name.ts'
import { CHUNKED, type Framing, framingOfRequest, framingOfResponse, UNTIL_CLOSE } from '../http1/framing.ts'
import { MessageError } from '../http1/message-error.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { LogEntry } from '../observability/access-log.ts'
import { normaliseHost } from '../routing/host.ts'
import { normalisePath } from '../routing/path.ts'
import { BodyRelay, type OutgoingFraming } from './body-relay.ts'
import type { ClientConnection } from './client-connection.ts'
import type { DataPlane } from './data-plane.ts'
import { errorPage } from './error-page.ts'
import { codeForStatus, Failure } from './failure.ts'
import { type Closing, writeRequestHead, writeResponseHead, writeSwitchingHead } from './forwarded-head.ts'
import type { Reason } from './reason.ts'
import { isRequestId, makeRequestId } from './request-id.ts'
import type { UpstreamConnection, UpstreamUser } from './upstream-connection.ts'
import type { UpstreamGroup } from './upstream-group.ts'

const NOBODY: readonly ServerState[] = []
const NO_KEY = new Uint8Array(0)
/** Methods that do the same once or twice (RFC 9110 §9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
/**
 * Of a body whose length is known, so much must be there before a server is picked: a client that is slow with a small
 * body keeps no server waiting. A body in chunks may be one half of a conversation, and goes on as it comes.
 */
const BODY_FIRST = 16 * 1024
/** How large a response's head may be. */
const RESPONSE_LIMITS = { headSize: 64 * 1024, headers: 256 }

/**
 * One request and its response. It ties a client's connection to a server's for as long as that takes: finds the route,
 * picks a server, sends the request, relays the response, tries another server where that is safe, and in every case
 * ends in `#settle`, once.
 */
export class Exchange implements UpstreamUser, LogEntry {
  readonly #plane: DataPlane
  readonly #client: ClientConnection
  // The request.
  readonly bytes: Buffer
  readonly headStart: number
  readonly headEnd: number
  readonly startedAt = now()
  readonly method: string
  readonly framing: Framing
  requestId = ''
  readonly #options: ConnectionOptions
  /** Whether the client's connection can go on after this exchange. */
  #persists: boolean
  readonly #isHttp10: boolean
  /** Whether the client would like to switch protocols, and then whether it has: both ways last until they are closed. */
  readonly #mayUpgrade: boolean
  #isTunnel = false
  #group: UpstreamGroup | undefined
  /** What the policy ties its choice to. */
  #key: Uint8Array = NO_KEY
  /** Whether the client waits for a 100 before it sends the body. */
  #expectsContinue = false
  /** Bytes of the body that must be there before the first attempt; 0 once they are. */
  #bodyWanted = 0
  // The attempt in hand.
  #server: ServerState | undefined
  #connection: UpstreamConnection | undefined
  #requestBody: BodyRelay | undefined
  /** The start of a response's head that is still incomplete. */
  #held: Buffer | undefined
  #tried = NOBODY
  /** When the attempt began, and then when the request had been sent, for policies that go by how long it takes to answer. */
  #sentAt = 0
  // The response.
  #responseBegun = false
  #responseBody: BodyRelay | undefined
  #serverPersists = false
  #over = false
  // What the log wants to know.
  readonly requestLineEnd: number
  refererStart = 0
  refererEnd = 0
  userAgentStart = 0
  userAgentEnd = 0
  status = 0
  bytesSent = 0
  upstreamAddresses = ''
  upstreamStatuses = ''
  reason: Reason | undefined

  /** @param head a complete head; it is read now and not kept */
  constructor(plane: DataPlane, client: ClientConnection, head: RequestHead) {
    this.#plane = plane
    this.#client = client
    this.bytes = head.bytes
    this.headStart = head.start
    this.headEnd = head.end
    this.requestLineEnd = head.targetEnd + ' HTTP/1.1'.length
    this.#noteLogFields(head)
    this.method = head.method
    this.#isHttp10 = head.minorVersion === 0
    this.framing = framingOfRequest(head)
    this.#options = connectionOptions(head)
    this.#persists = persists(head, this.#options)
    this.#mayUpgrade = this.#options.upgrade && this.framing === 0 && !this.#isHttp10 && asksForTunnel(head)
  }

  #noteLogFields(head: RequestHead): void {
    for (let field = 0; field < head.count; field++) {
      const name = head.names[field]
      if (name === FieldName.Referer) {
        this.refererStart = head.valueStart(field)
        this.refererEnd = head.valueEnd(field)
      } else if (name === FieldName.UserAgent) {
        this.userAgentStart = head.valueStart(field)
        this.userAgentEnd = head.valueEnd(field)
      }
    }
  }

  get clientAddress(): string {
    return this.#client.address.text
  }

  /** Whether all of the request has been sent to a server, or needs not be. */
  get requestIsDone(): boolean {
    return this.#requestBody === undefined ? this.framing === 0 : this.#requestBody.done
  }

  /** Whether a server is ready for bytes of the request's body. */
  get wantsBody(): boolean {
    return this.#requestBody !== undefined && !this.#requestBody.done && !this.#connection!.socket.writableNeedDrain
  }

  /** Whether it is the client who is waited for, to go on with its body. */
  get awaitsClient(): boolean {
    if (this.#isTunnel || this.requestIsDone) return false
    if (this.#expectsContinue && this.#requestBody?.sent === 0) return false
    return this.gathersBody || this.wantsBody
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Routes the request and sends it on its way. */
  begin(): void {
    const head = this.#plane.requestHead
    this.#readRequestId(head)
    const limit = this.#plane.snapshot.limits.bodySize
    if (limit > 0 && this.framing > limit) return this.#end(new Failure('body-too-large'))
    const expects = expectationOf(head)
    if (expects === 'unknown') return this.#end(new Failure('expectation-unknown'))
    this.#expectsContinue = expects === '100-continue'
    const path = pathOf(head)
    if (path === undefined)
      return this.#end(new Failure('bad-request', 'the path cannot be decoded, or climbs above its root'))
    const { router, request } = this.#plane
    request.address = this.#client.address
    request.path = path
    const host = router.usesHost ? normaliseHost(this.#authority(head)) : ''
    const route = router.find(host, path, request)
    if (route === undefined) return this.#end(new Failure('no-route'))
    this.#group = this.#plane.groups[route.upstream]!
    this.#key = keyFor(this.#group.settings.balance, request)
    if (this.framing > 0 && !this.#expectsContinue) this.#bodyWanted = Math.min(this.framing, BODY_FIRST)
    else this.#attempt()
  }

  /** Whether the exchange waits for more of the body before it picks a server. */
  get gathersBody(): boolean {
    return this.#bodyWanted > 0
  }

  /** Tells how much of the body is there; returns whether that was enough to go on. */
  offerBody(size: number): boolean {
    if (size < this.#bodyWanted) return false
    this.#bodyWanted = 0
    this.#attempt()
    return true
  }

  #readRequestId(head: RequestHead): void {
    const field = head.find(FieldName.XRequestId)
    this.requestId = field >= 0 && isRequestId(head.value(field)) ? head.value(field) : makeRequestId()
  }

  #authority(head: RequestHead): string {
    return head.bytes.toString('latin1', head.authorityStart, head.authorityEnd)
  }

  /**
   * Picks a server that has not been tried and takes the request there.
   *
   * @param previous how the attempt before this one failed
   */
  #attempt(previous?: Failure): void {
    const group = this.#group!
    const time = this.#tried === NOBODY ? this.startedAt : now()
    const server = group.policy.pick(this.#key, this.#tried, time)
    if (server === undefined) return this.#end(previous ?? new Failure('no-server'))
    this.reason = this.#reasonFor(server, time)
    this.#tried = this.#tried === NOBODY ? [server] : [...this.#tried, server]
    this.#server = server
    this.#sentAt = time
    const { address } = server.settings
    this.upstreamAddresses = this.upstreamAddresses === '' ? address : `${this.upstreamAddresses}, ${address}`
    this.#take(group.connectionTo(server, !this.#isRepeatable))
  }

  #reasonFor(server: ServerState, time: number): Reason {
    if (this.#tried !== NOBODY) return 'retry'
    const home = this.#group!.policy.home?.(this.#key)
    if (home === undefined) return 'new'
    if (server === home) return 'stuck'
    const refusal = home.refusal(time)
    // Not refused by itself: its share of a bounded load is full.
    return refusal === 'full' || refusal === undefined ? 'moved:full' : 'moved:down'
  }

  /** Whether the request can be sent again as long as nothing of the response has been relayed. */
  get #isRepeatable(): boolean {
    return this.framing === 0 && idempotent.has(this.method)
  }

  #take(connection: UpstreamConnection): void {
    this.#connection = connection
    connection.use(this)
    if (connection.isConnected) this.#send(connection)
  }

  connected(): void {
    this.#send(this.#connection!)
  }

  #send(connection: UpstreamConnection): void {
    const head = this.#requestHead()
    const { scratch, snapshot } = this.#plane
    writeRequestHead(scratch, head, this.#options, this.framing, {
      address: this.clientAddress,
      requestId: this.requestId,
      serverAddress: connection.server.settings.address,
      upgrade: this.#mayUpgrade,
    })
    scratch.flushTo(connection.socket)
    if (this.#group!.policy.answered !== undefined) this.#sentAt = now()
    // Where the body is still to come, the silence is the client's; unless that waits to be told to go on.
    connection.wait(this.framing === 0 || this.#expectsContinue ? this.#timeouts.firstByte : 0)
    if (this.framing !== 0) {
      this.#requestBody = new BodyRelay(this.framing, 'as-it-came', snapshot.limits)
      this.#client.continueBody()
    }
  }

  /** The request's head, parsed again if the worker has read another one since. */
  #requestHead(): RequestHead {
    const { requestHead, snapshot } = this.#plane
    if (requestHead.bytes !== this.bytes || requestHead.start !== this.headStart) {
      requestHead.parse(this.bytes, this.headStart, snapshot.limits)
    }
    return requestHead
  }

  /**
   * Sends on what arrived of the request's body.
   *
   * @returns the offset after what belongs to it
   */
  requestBytes(bytes: Buffer, from: number): number {
    const body = this.#requestBody!
    try {
      const connection = this.#connection!
      const end = body.relay(bytes, from, connection.socket)
      const limit = this.#plane.snapshot.limits.bodySize
      if (limit > 0 && body.length > limit && !this.#isTunnel) this.#end(new Failure('body-too-large'))
      else connection.wait(this.#patienceWith(connection))
      if (body.done && this.#group!.policy.answered !== undefined) this.#sentAt = now()
      return end
    } catch (error) {
      this.#end(failureOf(error))
      return bytes.length
    }
  }

  /** How long the server may now be silent, in ms: as long as it likes while the client is the one who is waited for. */
  #patienceWith({ socket }: UpstreamConnection): number {
    if (socket.isPaused()) return 0
    if (this.#isTunnel || this.#responseBegun) return this.#silence
    if (this.requestIsDone) return this.#timeouts.firstByte
    return socket.writableNeedDrain ? this.#timeouts.idle : 0
  }

  serverDrained(): void {
    this.#connection?.wait(this.#patienceWith(this.#connection))
    this.#client.continueBody()
  }

  /** The client closed its side before the request's end: a tunnel is half closed, anything else is given up. */
  requestEnded(): void {
    if (!this.#isTunnel) return this.clientLeft()
    const { socket } = this.#connection!
    this.#requestBody!.close(socket)
    socket.end()
    if (this.#responseBody!.done) this.#complete(false)
  }

  /** How long the server may be silent in the middle of something, in ms. */
  get #silence(): number {
    return this.#isTunnel ? this.#timeouts.tunnel : this.#timeouts.idle
  }

  get #timeouts() {
    return this.#group!.settings.timeouts
  }

  // ── the response ───────────────────────────────────────────────────────────────────────────────────────────────

  responseBytes(bytes: Buffer): void {
    this.#connection!.wait(this.#silence)
    if (this.#responseBody !== undefined) return this.#relayResponse(bytes, 0)
    const all = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes])
    this.#held = undefined
    try {
      this.#readResponse(all)
    } catch (error) {
      this.#attemptFailed(new Failure('response-malformed', failureOf(error).detail))
    }
  }

  #readResponse(bytes: Buffer): void {
    const { responseHead } = this.#plane
    for (let at = 0; !this.#over; at = responseHead.end) {
      if (!responseHead.parse(bytes, at, RESPONSE_LIMITS)) {
        this.#held = Buffer.from(bytes.subarray(at))
        return
      }
      if (responseHead.status >= 200) return this.#beginResponse(responseHead)
      if (responseHead.status === 101) return this.#switchProtocols(responseHead)
      this.#relayInterim(responseHead)
    }
  }

  /** 1xx: passed to those who know of it (RFC 9110 §15.2). */
  #relayInterim(head: ResponseHead): void {
    framingOfResponse(head, false)
    if (this.#isHttp10) return
    const { scratch } = this.#plane
    writeResponseHead(scratch, head, connectionOptions(head), -1, false, 'unsaid')
    if (!scratch.flushTo(this.#client.socket)) this.#holdServer(this.#connection!)
  }

  #beginResponse(head: ResponseHead): void {
    const framing = framingOfResponse(head, this.method === 'HEAD')
    const options = connectionOptions(head)
    this.#server!.succeeded()
    this.#tellPolicy(head.status < 500)
    this.#serverPersists = persists(head, options) && framing !== UNTIL_CLOSE
    this.#responseBegun = true
    this.status = head.status
    this.#noteStatus(head.status)
    // A client that is told before it has said everything could not be understood afterwards.
    const unknownEnd = framing < 0 && this.#isHttp10
    this.#persists &&= this.requestIsDone && !unknownEnd && !this.#plane.stopping && this.#client.mayPersist
    const body = bodyFor(framing, this.#isHttp10)
    const length = framing >= 0 ? declaredLength(head, framing) : -1
    const { scratch, snapshot } = this.#plane
    writeResponseHead(scratch, head, options, length, body !== 'bare' && framing < 0, this.#closing())
    this.#responseBody = new BodyRelay(framing, body, snapshot.limits)
    this.#relayResponse(head.bytes, head.end)
  }

  /** From here on both sides send what they like, until both have closed (RFC 9110 §7.8). */
  #switchProtocols(head: ResponseHead): void {
    framingOfResponse(head, false)
    if (!this.#mayUpgrade) throw new MessageError('the server switches protocols, unasked')
    if (head.find(FieldName.Upgrade) < 0)
      throw new MessageError('the server switches protocols, and does not say to which')
    const { scratch, snapshot } = this.#plane
    const connection = this.#connection!
    this.#server!.succeeded()
    this.#responseBegun = true
    this.#isTunnel = true
    this.#persists = false
    this.status = head.status
    this.#noteStatus(head.status)
    writeSwitchingHead(scratch, head, connectionOptions(head))
    connection.socket.allowHalfOpen = true
    this.#requestBody = new BodyRelay(UNTIL_CLOSE, 'as-it-came', snapshot.limits)
    this.#responseBody = new BodyRelay(UNTIL_CLOSE, 'as-it-came', snapshot.limits)
    connection.wait(this.#silence)
    this.#relayResponse(head.bytes, head.end)
    this.#client.continueBody()
  }

  /** Tells a policy that wants to know how long the server took to answer, or to fail. */
  #tellPolicy(good: boolean): void {
    const { policy } = this.#group!
    if (policy.answered === undefined) return
    const time = now()
    policy.answered(this.#server!, time - this.#sentAt, good, time)
  }

  #closing(): Closing {
    if (!this.#persists) return 'close'
    return this.#isHttp10 ? 'keep-alive' : 'unsaid'
  }

  /**
   * Sends on what arrived of the response, behind what lies in `scratch`: by way of it, since the bytes are overwritten
   * by the next ones that arrive, and a copy costs less than a write of its own.
   */
  #relayResponse(bytes: Buffer, from: number): void {
    const body = this.#responseBody!
    const { scratch } = this.#plane
    const { socket } = this.#client
    let end: number
    try {
      end = body.relay(bytes, from, scratch)
    } catch (error) {
      scratch.flushTo(socket)
      return this.#attemptFailed(new Failure('response-malformed', failureOf(error).detail))
    }
    const roomy = scratch.flushTo(socket)
    if (body.done) this.#complete(end === bytes.length)
    else if (!roomy) this.#holdServer(this.#connection!)
  }

  /** The client is slower than the server: reads no more until it has caught up. */
  #holdServer(connection: UpstreamConnection): void {
    connection.socket.pause()
    connection.wait(0)
    this.#client.awaitDrain()
  }

  /** The client has caught up. */
  clientDrained(): void {
    const connection = this.#connection
    if (connection === undefined || !connection.socket.isPaused()) return
    connection.wait(this.#silence)
    connection.socket.resume()
  }

  /** @param clean whether the server sent nothing beyond the response */
  #complete(clean: boolean): void {
    const connection = this.#connection!
    this.#connection = undefined
    if (clean && this.#serverPersists && this.requestIsDone) connection.release()
    else connection.destroy()
    this.#settle()
  }

  #noteStatus(status: number): void {
    this.upstreamStatuses = this.upstreamStatuses === '' ? String(status) : `${this.upstreamStatuses}, ${status}`
  }

  // ── how it can go wrong ────────────────────────────────────────────────────────────────────────────────────────

  serverEnded(): void {
    if (this.#responseBody?.close(this.#client.socket)) {
      if (this.requestIsDone || !this.#isTunnel) return this.#complete(false)
      this.#client.socket.end()
      return
    }
    this.#connectionLost('the server closed the connection')
  }

  serverClosed(error: Error | undefined): void {
    if (this.#isTunnel) return this.#abort()
    const detail = error?.message ?? 'the connection was closed'
    if (!this.#connection!.isConnected) this.#attemptFailed(new Failure('connect-failed', detail))
    else this.#connectionLost(detail)
  }

  serverTimedOut(): void {
    const { isConnected } = this.#connection!
    if (this.#isTunnel) this.#complete(false)
    else if (!isConnected) this.#attemptFailed(new Failure('connect-timeout'))
    else this.#attemptFailed(new Failure(this.#responseBegun ? 'response-cut' : 'response-timeout'))
  }

  #connectionLost(detail: string): void {
    const connection = this.#connection!
    const stale = connection.served > 0 && !this.#responseBegun && this.#held === undefined
    if (stale && this.#isRepeatable) {
      // It rested in the pool while the server closed it: nobody's fault. The same server again, on a new connection.
      connection.destroy()
      return this.#take(this.#group!.newConnectionTo(connection.server))
    }
    this.#attemptFailed(new Failure(this.#responseBegun ? 'response-cut' : 'connection-lost', detail))
  }

  /** The server failed this attempt: tries another one if that is safe, else ends. */
  #attemptFailed(failure: Failure): void {
    const server = this.#server!
    this.#connection?.destroy()
    this.#connection = undefined
    if (server.failed(now())) this.#plane.events.serverOut(this.#group!.settings, server.settings, failure)
    if (this.#responseBegun) return this.#abort()
    this.#noteStatus(failure.status)
    this.#tellPolicy(false)
    server.release()
    this.#server = undefined
    this.#held = undefined
    if (this.#mayTryAgain(failure)) {
      this.#requestBody = undefined
      this.#attempt(failure)
    } else {
      this.#end(failure)
    }
  }

  #mayTryAgain(failure: Failure): boolean {
    const { tries, within } = this.#group!.settings.retries
    if (this.#tried.length >= tries || (within > 0 && now() - this.startedAt > within)) return false
    if (failure.retry === 'idempotent') return idempotent.has(this.method) && (this.#requestBody?.sent ?? 0) === 0
    return failure.retry === 'always'
  }

  /** Ends the exchange with an error page. */
  #end(failure: Failure): void {
    if (this.#over) return
    if (this.#responseBegun) return this.#abort()
    this.#connection?.destroy()
    this.#connection = undefined
    this.status = failure.status
    this.#persists &&=
      this.requestIsDone && failure.code !== 'bad-request' && !this.#plane.stopping && this.#client.mayPersist
    const accept = this.#acceptField()
    const page = errorPage(failure, accept, this.requestId, this.#closing(), this.method !== 'HEAD')
    this.bytesSent = page.bodyLength
    this.#client.socket.write(page.bytes)
    this.#settle()
  }

  #acceptField(): string {
    const head = this.#requestHead()
    const field = head.find(FieldName.Accept)
    return field < 0 ? '' : head.value(field)
  }

  /** Too late for an error page: the client must see that the response is not whole. */
  #abort(): void {
    this.#connection?.destroy()
    this.#connection = undefined
    this.#persists = false
    this.#settle('abort')
  }

  /** The client left before the end. */
  clientLeft(): void {
    if (this.#over) return
    this.#connection?.destroy()
    this.#connection = undefined
    if (!this.#isTunnel) this.status = new Failure('client-gone').status
    this.#persists = false
    this.#settle()
  }

  /** The client kept the rest of its request to itself for too long. */
  bodyTimedOut(): void {
    if (!this.requestIsDone) this.#end(new Failure('body-timeout'))
  }

  /** Where every exchange ends: the server is released, the line is logged, and the client's connection goes on. */
  #settle(how: 'whole' | 'abort' = 'whole'): void {
    this.#over = true
    this.#server?.release()
    if (this.#responseBody !== undefined) this.bytesSent = this.#responseBody.sent
    this.#plane.accessLog.write(this)
    if (how === 'abort') this.#client.abort()
    else this.#client.exchangeOver(this.#persists)
  }
}

function pathOf(head: RequestHead): string | undefined {
  if (head.form === 'asterisk' || head.pathStart === head.pathEnd) return '/'
  const path = head.bytes.toString('latin1', head.pathStart, head.pathEnd)
  return head.plainPath ? path : normalisePath(path)
}

/** What the Expect fields ask for (RFC 9110 §10.1.1). */
function expectationOf(head: RequestHead): 'nothing' | '100-continue' | 'unknown' {
  let expects: 'nothing' | '100-continue' = 'nothing'
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.Expect) continue
    if (head.value(field).toLowerCase() !== '100-continue') return 'unknown'
    expects = '100-continue'
  }
  return expects
}

/** Protocols that would carry other requests past this proxy's eyes. */
const notToTunnel = /^(h2c|tls\/.*|http\/.*)$/i

/** Whether the request names protocols to switch to, and each of them may. */
function asksForTunnel(head: RequestHead): boolean {
  const field = head.find(FieldName.Upgrade)
  if (field < 0) return false
  const protocols = head.value(field).split(',')
  return protocols.every((protocol) => protocol.trim() !== '' && !notToTunnel.test(protocol.trim()))
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

function failureOf(error: unknown): Failure {
  if (error instanceof MessageError) return new Failure(codeForStatus(error.status), error.message)
  throw error
}
