import type { BodyReader } from '../affinity/affinity.ts'
import type { ClientConnection } from '../downstream/client-connection.ts'
import type { Closing } from '../forwarding/forwarded-head.ts'
import { FieldName } from '../http1/field-name.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { LogEntry } from '../observability/access-log.ts'
import { normaliseHost } from '../routing/host.ts'
import { now } from '../runtime/clock.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { DataPlane } from '../worker/data-plane.ts'
import { Attempt } from './attempt.ts'
import { errorPage } from './error-page.ts'
import { Failure } from './failure.ts'
import type { OwnResponse } from './own-response.ts'
import type { Occasion, Placement } from './placement.ts'
import { type Ticket, Wait, type Waiter } from './queue.ts'
import type { Reason } from './reason.ts'
import { authorityOf, expectationOf, pathOf, queryOf, ReceivedRequest } from './received-request.ts'
import { redirect } from './redirect.ts'

/**
 * Of a body whose length is known, so much must be there before a server is picked: a client that is slow with a small
 * body keeps no server waiting. A body in chunks may be one half of a conversation, and goes on as it comes.
 */
const BODY_FIRST = 16 * 1024

/**
 * One request and its response. It ties a client's connection to a server's for as long as that takes: finds the route,
 * has a server picked, makes an attempt there and, where that fails and it is safe, on another; and in every case ends in
 * `#settle`, once.
 */
export class Exchange implements LogEntry, Waiter {
  readonly request: ReceivedRequest
  readonly startedAt = now()
  /** The client's, which is another than that of its connection's other end where a trusted proxy says so. */
  readonly address: IpAddress
  /** Whether the client came by HTTPS, as far as anybody trusted says. */
  readonly isSecure: boolean
  /** Whether the client waits for a 100 before it sends the body. */
  expectsContinue = false
  isOver = false
  readonly #plane: DataPlane
  readonly #client: ClientConnection
  /** Whether the client's connection can go on after this exchange. */
  #persists: boolean
  /** Bytes of the body that must be there before the first attempt; 0 once they are. */
  #bodyWanted = 0
  /** The body, where it is so short that all of it was there before the first attempt. */
  body: Buffer | undefined
  #placement: Placement | undefined
  /** The last one. */
  #attempt: Attempt | undefined
  /** One that got no answer at all: its server is to blame, unless the request does the same to another. */
  #suspect: Attempt | undefined
  /** Its place in its upstream's queue, valid as long as it waits there. */
  #ticket: Ticket | undefined
  #waitsSince = 0
  /** How the attempt before the wait failed. */
  #previous: Failure | undefined
  // What the log wants to know.
  status = 0
  bytesSent = 0
  queued = 0
  serverNames = ''
  upstreamAddresses = ''
  upstreamStatuses = ''

  /**
   * @param head a complete head; it is read now and not kept
   * @throws MessageError where its framing breaks the rules
   */
  constructor(plane: DataPlane, client: ClientConnection, head: RequestHead) {
    this.#plane = plane
    this.#client = client
    this.request = new ReceivedRequest(head)
    this.address = client.clientOf(head)
    this.isSecure = client.isSecure(head)
    this.#persists = this.request.persists
  }

  get clientAddress(): string {
    return this.address.text
  }

  get upstreamName(): string | undefined {
    return this.#placement?.group.settings.name
  }

  get reason(): Reason | undefined {
    return this.#placement?.reason
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Routes the request and sends it on its way. */
  begin(): void {
    const { framing } = this.request
    const { requestHead: head, router, request: view, snapshot } = this.#plane
    const limit = snapshot.limits.bodySize
    if (limit > 0 && framing > limit) return this.end(new Failure('body-too-large'))
    const expects = expectationOf(head)
    if (expects === 'unknown') return this.end(new Failure('expectation-unknown'))
    this.expectsContinue = expects === '100-continue'
    const path = pathOf(head)
    if (path === undefined)
      return this.end(new Failure('bad-request', 'the path cannot be decoded, or climbs above its root'))
    view.address = this.address
    view.path = path
    const host = router.usesHost ? normaliseHost(authorityOf(head)) : ''
    const route = router.find(host, path, view)
    if (route === undefined) return this.end(new Failure('no-route'))
    if (route.redirect !== undefined) return this.#redirect(route.redirect + queryOf(head))
    this.#placement = this.#plane.groups[route.upstream]!.place(view)
    if (framing > 0 && !this.expectsContinue) this.#bodyWanted = Math.min(framing, BODY_FIRST)
    else this.#try()
  }

  /** Whether the exchange waits for more of the body before it picks a server. */
  get gathersBody(): boolean {
    return this.#bodyWanted > 0
  }

  /**
   * Goes on if enough of the body is there, from offset `from` on; keeps it if that is all of it.
   *
   * @returns how many bytes were taken; undefined while there are too few
   */
  offerBody(bytes: Buffer, from: number): number | undefined {
    const { framing } = this.request
    if (bytes.length - from < this.#bodyWanted) return undefined
    if (framing === this.#bodyWanted) this.body = bytes.subarray(from, from + framing)
    this.#bodyWanted = 0
    this.#try()
    return this.body?.length ?? 0
  }

  /** Whether nothing of the request is still to come from the client. */
  get isWhole(): boolean {
    return this.request.framing === 0 || this.body !== undefined
  }

  /** Whether all of the request has been sent to a server, or need not be. */
  get requestIsDone(): boolean {
    return this.#attempt === undefined ? this.isWhole : this.#attempt.requestIsDone
  }

  /** Whether the client has said all that it will, and waits for the end of its answer. */
  get owesAnswer(): boolean {
    return this.requestIsDone && this.#attempt?.isTunnel !== true
  }

  /** Whether a server is ready for bytes of the request's body. */
  get wantsBody(): boolean {
    return this.#attempt?.wantsBody === true
  }

  /** Whether it is the client who is waited for, to go on with its body. */
  get awaitsClient(): boolean {
    const attempt = this.#attempt
    if (attempt === undefined) return this.gathersBody
    if (attempt.isTunnel || attempt.requestIsDone) return false
    return attempt.wantsBody && !(this.expectsContinue && attempt.bodySent === 0 && !attempt.isHeard)
  }

  /** Sends on what arrived of the request's body; returns the offset after what belongs to it. */
  requestBytes(bytes: Buffer, from: number): number {
    return this.#attempt!.requestBytes(bytes, from)
  }

  /** The client closed its side before the request's end: a tunnel is half closed, anything else is given up. */
  requestEnded(): void {
    if (this.#attempt?.isTunnel) this.#attempt.halfClose()
    else this.clientLeft()
  }

  // ── the attempts ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Takes the request to a server that it has not been to.
   *
   * @param previous how the attempt before this one failed
   */
  #try(previous?: Failure): void {
    const time = previous === undefined ? this.startedAt : now()
    this.#previous = previous
    const wait = this.#goOn('arrival', time)
    if (wait !== undefined) this.#waitInQueue(wait)
  }

  /** Goes to a server, or ends; or returns what to wait for. */
  #goOn(occasion: Occasion, time: number): Wait | undefined {
    const placement = this.#placement!
    const next = placement.next(time, occasion)
    if (next instanceof Wait) return next
    if (this.#waitsSince > 0) {
      this.queued += time - this.#waitsSince
      this.#waitsSince = 0
    }
    if (next instanceof Failure) {
      // A client is told rather of the server that failed than of those that were busy.
      this.end(next.code === 'session-lost' ? next : (this.#previous ?? next))
      return undefined
    }
    const { name, address } = next.settings
    this.serverNames = this.serverNames === '' ? name : `${this.serverNames}, ${name}`
    this.upstreamAddresses = this.upstreamAddresses === '' ? address : `${this.upstreamAddresses}, ${address}`
    this.#attempt = new Attempt(this, this.#plane, this.#client, placement.group, next, time)
    this.#attempt.begin()
    return undefined
  }

  #waitInQueue(wait: Wait): void {
    const time = now()
    this.#attempt = undefined
    this.#waitsSince = time
    this.#ticket = this.#placement!.group.queue.join(this, wait)
    if (this.#ticket === undefined) this.#goOn('queue-full', time)
  }

  takeTurn(time: number): Wait | 'done' {
    return this.#goOn('turn', time) ?? 'done'
  }

  waitedTooLong(): void {
    this.#goOn('queue-timeout', now())
  }

  /** Whether it stands in its upstream's queue. */
  get isQueued(): boolean {
    return this.#ticket?.isValid === true
  }

  /**
   * The response's head is there.
   *
   * @param endsByClosing whether the client can see its end only by the connection's
   * @returns what to tell the client about its connection
   */
  responseBegins(status: number, endsByClosing: boolean): Closing {
    this.status = status
    this.#noteStatus(status)
    this.#persists &&= !endsByClosing && this.#mayPersist
    return this.#closing
  }

  /** Client and server have switched to another protocol. */
  tunnelBegins(status: number): void {
    this.status = status
    this.#noteStatus(status)
    this.#persists = false
  }

  /** What else the client is to be told with a response: field lines, or nothing. */
  get additions(): string {
    this.#plane.watchOwnCookies(this.#placement!.group.settings, this.#attempt!.server.settings)
    return this.#placement!.answered(this.#plane.response, this.isSecure)
  }

  /** What is to see the first bytes of the response's body before the client does; undefined for nothing. */
  get bodyReader(): BodyReader | undefined {
    return this.#placement!.readerOf(this.#plane.response)
  }

  /** A server has answered, or no other is asked: if one did not answer before, that was its own doing. */
  answered(): void {
    this.#suspect?.blame()
    this.#suspect = undefined
  }

  clientDrained(): void {
    this.#attempt?.clientDrained()
  }

  /** The response has been relayed to its end. */
  attemptComplete(): void {
    this.#settle()
  }

  /** The server failed this attempt: tries another one if that is safe, else ends. */
  attemptFailed(failure: Failure): void {
    const attempt = this.#attempt!
    if (attempt.responseBegun) {
      attempt.blame()
      return this.abort()
    }
    this.#noteStatus(failure.status)
    attempt.end()
    if (failure.blame === 'suspect' && this.#suspect !== undefined) {
      // Two servers closed the connection without a byte: that is the request's doing, and it would take out all others.
      this.#suspect = undefined
      return this.end(failure)
    }
    const triesAgain = this.#mayTryAgain(attempt, failure)
    if (triesAgain && failure.blame === 'suspect') this.#suspect = attempt
    else attempt.blame()
    if (triesAgain) this.#try(failure)
    else this.end(failure)
  }

  #mayTryAgain(attempt: Attempt, failure: Failure): boolean {
    const { group, tries } = this.#placement!
    const { retries } = group.settings
    if (tries >= retries.tries || (retries.within > 0 && now() - this.startedAt - this.queued > retries.within))
      return false
    if (failure.retry === 'idempotent') return attempt.mayRepeat
    return failure.retry === 'always'
  }

  #noteStatus(status: number): void {
    this.upstreamStatuses = this.upstreamStatuses === '' ? String(status) : `${this.upstreamStatuses}, ${status}`
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the client could be understood afterwards: one that is told before it has said everything could not. */
  get #mayPersist(): boolean {
    return this.requestIsDone && !this.#plane.stopping && this.#client.mayPersist
  }

  get #closing(): Closing {
    if (!this.#persists) return 'close'
    return this.request.isHttp10 ? 'keep-alive' : 'unsaid'
  }

  /** Ends the exchange with an error page. */
  end(failure: Failure): void {
    if (this.isOver) return
    if (this.#attempt?.responseBegun) return this.abort()
    this.status = failure.status
    this.#persists &&= failure.code !== 'bad-request' && this.#mayPersist
    const page = errorPage(failure, {
      accept: this.#acceptField(),
      requestId: this.request.id,
      closing: this.#closing,
      fields: this.#placement?.refused(this.isSecure) ?? '',
      withBody: this.request.method !== 'HEAD',
    })
    this.#answer(page)
  }

  #redirect(location: string): void {
    this.status = 301
    this.#persists &&= this.#mayPersist
    const { id, method } = this.request
    this.#answer(redirect(location, { requestId: id, closing: this.#closing, withBody: method !== 'HEAD' }))
  }

  /** Ends the exchange with a response of Limpet's own. */
  #answer({ bytes, bodyLength }: OwnResponse): void {
    this.bytesSent = bodyLength
    this.#client.writer.write(bytes)
    this.#settle()
  }

  #acceptField(): string {
    const head = this.request.headIn(this.#plane.requestHead, this.#plane.snapshot.limits)
    const field = head.find(FieldName.Accept)
    return field < 0 ? '' : head.value(field)
  }

  /** Too late for an error page: the client must see that the response is not whole. */
  abort(): void {
    this.#persists = false
    this.#settle('cut')
  }

  /** The client left before the end. */
  clientLeft(): void {
    if (this.isOver) return
    if (!this.#attempt?.isTunnel) this.status = new Failure('client-gone').status
    this.#persists = false
    this.#settle(this.#attempt?.responseBegun === true ? 'cut' : 'whole')
  }

  /** The client kept the rest of its request to itself for too long. */
  bodyTimedOut(): void {
    if (!this.requestIsDone) this.end(new Failure('body-timeout'))
  }

  /** Where every exchange ends: the server is released, the line is logged, and the client's connection goes on. */
  #settle(how: 'whole' | 'cut' = 'whole'): void {
    this.isOver = true
    this.answered()
    this.#ticket?.leave()
    if (this.#waitsSince > 0) this.queued += now() - this.#waitsSince
    const attempt = this.#attempt
    if (attempt !== undefined) {
      attempt.end()
      if (attempt.responseBegun) this.bytesSent = attempt.bytesSent
    }
    this.#placement?.end()
    this.#plane.accessLog.write(this)
    if (how === 'cut') this.#client.breakOff(attempt?.endIsVisible === true)
    else this.#client.exchangeOver(this.#persists)
  }
}
