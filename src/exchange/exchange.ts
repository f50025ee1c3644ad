import type { BodyReader } from '../affinity/affinity.ts'
import type { HeadEdits, RequestEdits } from '../forwarding/head-edits.ts'
import { type ConnectionOptions, connectionOptions } from '../http1/connection-options.ts'
import { FieldName } from '../http1/field-name.ts'
import type { Head } from '../http1/head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { cookieSetAmong } from '../http1/set-cookie.ts'
import type { ExchangeRecord, FilterDecision } from '../observability/exchange-record.ts'
import { redirectOf } from '../routing/folder.ts'
import { normaliseHost } from '../routing/host.ts'
import { now } from '../runtime/clock.ts'
import type { Reason } from '../runtime/reason.ts'
import type { Route, Server, Upstream } from '../runtime/snapshot.ts'
import type { TlsFacts } from '../transport/tls-facts.ts'
import type { Attempt } from './attempt.ts'
import { type Call, CallDeadline } from './call-deadline.ts'
import { Delivery, type DeliveryOwner } from './delivery.ts'
import type { Downstream, DownstreamUser } from './downstream.ts'
import { earlyAnswer } from './early-answer.ts'
import { errorPage } from './error-page.ts'
import { Failure } from './failure.ts'
import type { Verdict } from './filter.ts'
import { FilteredRequest } from './filtered-request.ts'
import { Filtering, type FilteringOwner } from './filtering.ts'
import { timeoutOfCall } from './grpc-call.ts'
import { failedCall, trailersOfFailure } from './grpc-failure.ts'
import { grpcStatuses } from './grpc-status.ts'
import { type OwnResponse, redirect } from './own-response.ts'
import { PassingBody } from './passing-body.ts'
import { Placement } from './placement.ts'
import { authorityOf, pathOf, queryOf, type ReceivedRequest } from './received-request.ts'
import type { RequestBody } from './request-body.ts'
import type { RequestView } from './request-view.ts'
import type { ResponseSink, StageUser } from './response-sink.ts'
import type { ResponseView } from './response-view.ts'
import { type BodyStorage, StoredBody, type StoredBodyUser } from './stored-body.ts'
import type { Trace } from './trace.ts'
import type { UpstreamGroup } from './upstream-group.ts'
import type { WorkerContext } from './worker-context.ts'

const SWITCHING_PROTOCOLS = 101
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')

/**
 * One request and its response. It finds the route, has its filters look at the request, reads what is needed of the body, and has
 * the request delivered to a server, whose response it passes on. It always ends in `#settle`, once.
 */
export class Exchange implements DownstreamUser, DeliveryOwner, Call, ExchangeRecord, StoredBodyUser, FilteringOwner {
  readonly context: WorkerContext
  readonly downstream: Downstream
  readonly request: ReceivedRequest
  readonly startedAt = now()
  /** When it could first go to a server: after its filters, and with what is read of its body before. */
  #readyAt = this.startedAt
  body: RequestBody
  #isOver = false
  /** How large its body may be, in bytes; 0 for any size. */
  #bodyLimit = 0
  /** Undefined for a request whose route has no filters. */
  #filtering: Filtering | undefined
  /** Whether filters, which may ask others, are not asked before it shows that the client does not cancel the request. */
  #isHeldBack = false
  /** Undefined before its upstream is known. */
  #delivery: Delivery | undefined
  /** Undefined for a request that has none of its own. */
  #deadline: CallDeadline | undefined
  // What observers record.
  trace: Trace | undefined
  status = 0
  grpcStatus: number | undefined
  bytesSent = 0
  route: Route | undefined
  failure: string | undefined
  bytesReceived = 0
  respondedAt = 0

  constructor(context: WorkerContext, downstream: Downstream, request: ReceivedRequest) {
    this.context = context
    this.downstream = downstream
    this.request = request
    this.body = PassingBody.of(request)
  }

  get clientAddress(): string {
    return this.downstream.origin.address.text
  }

  get isSecure(): boolean {
    return this.downstream.origin.isSecure
  }

  get tls(): TlsFacts | undefined {
    return this.downstream.origin.ends.tls
  }

  get upstreamName(): string | undefined {
    return this.#delivery?.placement.group.settings.name
  }

  get reason(): Reason | undefined {
    return this.#delivery?.placement.reason
  }

  get upstream(): Upstream | undefined {
    return this.#delivery?.placement.group.settings
  }

  get server(): Server | undefined {
    return this.#delivery?.server
  }

  get edits(): RequestEdits | undefined {
    return this.#filtering?.request.edits
  }

  get responseEdits(): HeadEdits | undefined {
    return this.#filtering?.responseEdits
  }

  get user(): string | undefined {
    return this.#filtering?.request.user
  }

  get decisions(): readonly FilterDecision[] | undefined {
    return this.#filtering?.request.decisions
  }

  header(name: string): string | undefined {
    const head = this.context.headOf(this.request)
    const field = head.findNamed(name)
    return field < 0 ? undefined : head.value(field)
  }

  get attempts(): number {
    return this.#delivery?.placement.attempts ?? 0
  }

  get standing(): string | undefined {
    return this.#delivery?.placement.standing
  }

  get serverNames(): string {
    return this.#delivery?.serverNames ?? ''
  }

  get upstreamAddresses(): string {
    return this.#delivery?.upstreamAddresses ?? ''
  }

  get upstreamStatuses(): string {
    return this.#delivery?.upstreamStatuses ?? ''
  }

  get queued(): number {
    return this.#delivery?.queued ?? 0
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Finds the route of the request and starts to handle it.
   *
   * @param head the request's
   */
  begin(head: RequestHead): void {
    const { framing } = this.request
    const { origin } = this.downstream
    const { router, groups, snapshot, tracer } = this.context.generation
    if (tracer !== undefined) this.trace = tracer.begin(head)
    const early = earlyAnswer(head, this.request, origin, this.context)
    if (early !== undefined) return early instanceof Failure ? this.#end(early) : this.#answer(early)
    const path = pathOf(head)
    const view = this.context.show(head, origin, path ?? '')
    const host = router.usesHost ? normaliseHost(authorityOf(head)) : ''
    const route = path === undefined ? undefined : router.find(host, path, view)
    const limit = route?.bodyLimit ?? snapshot.limits.bodySize
    this.#bodyLimit = limit
    if (limit > 0 && framing > limit) return this.#end(new Failure('body-too-large'))
    if (this.request.expects === 'unknown') return this.#end(new Failure('expectation-unknown'))
    if (path === undefined)
      return this.#end(
        new Failure('bad-request', 'the path cannot be decoded, climbs above its root, or has dots before a semicolon'),
      )
    if (route === undefined) return this.#end(new Failure('no-route'))
    this.route = route
    const folder = redirectOf(route, path)
    if (folder !== undefined) return this.#answer(redirect(301, folder + queryOf(head), this.request))
    const filters = this.context.filtersOf(route)
    if (filters === undefined) return this.#place(groups[route.upstream], view)
    const filtered = new FilteredRequest(this.context, this.downstream, this.request, route, path, groups)
    this.#filtering = new Filtering(filters, filtered, this)
    this.#isHeldBack = this.downstream.isFickle
    if (!this.#isHeldBack) this.#filter()
  }

  /** Asks the filters of the route, from the first one that has not been asked. */
  #filter(): void {
    const verdict = this.#filtering!.next()
    if (!(verdict instanceof Promise)) return this.#goOnAfter(verdict)
    verdict.then(
      (settled) => {
        if (this.#isOver) return
        this.#readyAt = now()
        if (settled === undefined) this.#filter()
        else this.#goOnAfter(settled)
      },
      (error) => this.#end(this.#filtering!.failed(error)),
    )
  }

  /** @param verdict of all filters together */
  #goOnAfter(verdict: Verdict): void {
    if (verdict instanceof Failure) return this.#end(verdict)
    if (verdict !== undefined) return this.#answer(verdict)
    const { request } = this.#filtering!
    const head = this.context.headOf(this.request)
    this.#place(request.group, this.context.show(head, this.downstream.origin, request.path, request))
  }

  /** @param group undefined for a route without an upstream */
  #place(group: UpstreamGroup | undefined, view: RequestView): void {
    if (group === undefined) return this.#end(new Failure('no-route'))
    this.#delivery = new Delivery(this, Placement.of(group, view))
    if (this.request.isGrpc && !this.#setDeadline(view.head)) return
    if (this.#filtering?.request.bodyStorage !== undefined) this.#store(this.#filtering.request.bodyStorage)
    if (!this.body.isGathered) this.downstream.wantBody('data', true)
    else if (!this.downstream.isFickle) this.#delivery.begin(this.#readyAt)
  }

  /** The body is to be read to its end before a server is picked: its client, which may wait for a 100 (Continue), is to send it. */
  #store(storage: BodyStorage): void {
    this.body = new StoredBody(this, storage, this.context.bufferMemory)
    if (this.request.expects !== '100-continue') return
    const { responseHead } = this.context
    responseHead.parse(CONTINUE, 0, this.context.generation.snapshot.limits)
    this.downstream.inform(responseHead, connectionOptions(responseHead))
    this.downstream.flush()
  }

  bodyStored(): void {
    if (this.#isOver) return
    if (this.body.isGathered) this.#gathered()
    else if (!this.body.isFull) this.downstream.wantBody('data', true)
  }

  storageFailed(error: NodeJS.ErrnoException): void {
    if (this.#isOver) return
    this.context.notices.storageFailed(error)
    this.#end(new Failure('storage-failed', error.message))
  }

  /** Returns false if the deadline of the call has passed, so that the exchange is over. */
  #setDeadline(head: RequestHead): boolean {
    const timeout = timeoutOfCall(head)
    if (timeout === 0) this.deadlinePassed()
    else if (timeout !== undefined) {
      this.#deadline = new CallDeadline(this)
      this.context.deadlines.set(this.#deadline, timeout)
    }
    return !this.#isOver
  }

  deadlinePassed(): void {
    this.#end(new Failure('call-timeout'))
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    const attempt = this.#attempt
    this.#filtering?.bodyBytes(bytes, from, to, attempt?.bodyForm ?? 'data')
    if (attempt === undefined) this.body.gather(bytes, from, to)
    else attempt.requestBytes(bytes, from, to)
  }

  bodyEnded(trailers?: Head): void {
    const attempt = this.#attempt
    if (attempt === undefined) this.body.end()
    else attempt.requestEnded(trailers)
  }

  flush(): void {
    if (this.#isHeldBack) {
      this.#isHeldBack = false
      return this.#filter()
    }
    const limit = this.#bodyLimit
    const attempt = this.#attempt
    const isTooLarge = limit > 0 && this.downstream.bodyLength > limit && attempt?.isTunnel !== true
    if (attempt !== undefined) attempt.flushRequest()
    else if (!isTooLarge) this.#gathered()
    if (isTooLarge) this.#end(new Failure('body-too-large'))
  }

  #gathered(): void {
    const delivery = this.#delivery
    if (delivery === undefined || delivery.isQueued) return
    const failure = this.body.flush()
    if (failure !== undefined) return this.#end(failure)
    const { isGathered } = this.body
    if (isGathered || this.body.isFull) this.downstream.holdBody()
    if (!isGathered) return
    this.#readyAt = now()
    delivery.begin(this.#readyAt)
  }

  failed(failure: Failure): void {
    this.#end(failure)
  }

  /** The client closed the connection before the end. */
  left(): void {
    if (this.#isOver) return
    if (!this.#attempt?.isTunnel) {
      this.failure = 'client-gone'
      this.status = new Failure('client-gone').status
    }
    this.#settle(this.#attempt?.responseBegun === true ? 'cut' : 'whole')
  }

  drained(): void {
    if (this.#filtering?.drained() !== true) this.#attempt?.clientDrained()
  }

  // ── the attempts ───────────────────────────────────────────────────────────────────────────────────────────────

  get #attempt(): Attempt | undefined {
    return this.#delivery?.attempt
  }

  get isSessionNew(): boolean {
    return this.#delivery?.placement.isSessionNew === true
  }

  get isQueued(): boolean {
    return this.#delivery?.isQueued === true
  }

  requestSent(): void {
    this.#filtering?.requestSent()
  }

  answered(head: ResponseHead, endsSession: boolean): string {
    const { placement, attempt } = this.#delivery!
    this.status = head.status
    this.respondedAt = attempt!.answeredAt
    this.#delivery!.answered(head.status)
    this.#watchOwnCookies(head)
    const view = this.#viewOf(head)
    view.endsSession = endsSession
    const fields = placement.answered(view, this.downstream.origin.isSecure) + this.#fieldsBeside(head)
    return this.#filtering === undefined ? fields : fields + this.#filtering.responseLines
  }

  takes(head: ResponseHead): boolean {
    const filtering = this.#filtering
    if (filtering === undefined) return true
    const attempt = this.#attempt!
    const verdict = filtering.answered(head, attempt.server.settings.name)
    if (verdict === 'retry') attempt.answerRefused(head)
    else if (verdict instanceof Failure) this.#refuse(head, verdict)
    else if (verdict !== undefined) this.#replace(head, verdict)
    else {
      // The two directions of another protocol are no body.
      const isTunnel = head.status === SWITCHING_PROTOCOLS
      const failure = isTunnel ? undefined : filtering.begin(this.downstream)
      if (failure === undefined) return true
      this.#refuse(head, failure)
    }
    return false
  }

  /** A filter has failed, so that the client does not get the server's response. */
  #refuse(head: ResponseHead, failure: Failure): void {
    this.#delivery!.answered(head.status)
    this.#attempt!.answerReplaced(head)
    this.#attempt!.end()
    this.#end(failure)
  }

  get mayAskAnother(): boolean {
    return this.#delivery!.mayAskAnother
  }

  /** Gives the client that response in the place of the server's. */
  #replace(head: ResponseHead, response: OwnResponse): void {
    const attempt = this.#attempt!
    this.#delivery!.answered(head.status)
    const fields = this.#delivery!.placement.answered(this.#viewOf(head), this.downstream.origin.isSecure)
    attempt.answerReplaced(head)
    attempt.end()
    this.#answer({ ...response, fields: response.fields + fields })
  }

  get sink(): ResponseSink {
    return this.#filtering?.sink ?? this.downstream
  }

  get stageUser(): StageUser {
    return {
      drained: () => this.#attempt?.clientDrained(),
      ended: () => {
        if (!this.#isOver) this.#settle('whole')
      },
      failed: (failure) => {
        if (failure.code === 'filter-failed') this.context.notices.filterFailed('a stage', failure.detail)
        if (!this.#isOver) this.downstream.flush()
        this.#end(failure)
      },
    }
  }

  optionsFor(head: ResponseHead, options: ConnectionOptions): ConnectionOptions {
    return this.#filtering === undefined ? options : this.#filtering.optionsFor(head, options)
  }

  /** The fields that every response on this connection has, unless the server has sent its own. */
  #fieldsBeside(head: ResponseHead): string {
    const { tls } = this
    if (tls === undefined || tls.responseFields === '') return ''
    return head.find(FieldName.StrictTransportSecurity) < 0 ? tls.responseFields : ''
  }

  readerOf(head: ResponseHead): BodyReader | undefined {
    return this.#delivery!.placement.readerOf(this.#viewOf(head))
  }

  #viewOf(head: ResponseHead): ResponseView {
    const view = this.context.responseView
    view.head = head
    return view
  }

  /** Reports a server that sets a cookie under a name of Limpet's own: the server would never get that cookie back. */
  #watchOwnCookies(head: ResponseHead): void {
    const { ownCookies } = this.context.generation
    if (ownCookies.isEmpty) return
    const cookie = cookieSetAmong(head, ownCookies)
    if (cookie === undefined) return
    const { name } = this.#delivery!.placement.group.settings
    this.context.notices.ownCookieSet(name, this.#attempt!.server.settings.name, cookie)
  }

  callEnded(status: number | undefined): void {
    this.grpcStatus = status
  }

  attemptComplete(): void {
    if (this.#filtering?.hasStages !== true) return this.#settle('whole')
    // The server is free, although its response may still be on its way to the client.
    if (!this.#isOver) this.#attempt!.end()
  }

  attemptAborted(): void {
    this.#settle('cut')
  }

  attemptFailed(failure: Failure): void {
    const attempt = this.#attempt!
    if (!attempt.responseBegun) return this.#delivery!.failed(failure)
    attempt.blame()
    this.#breakOff(failure)
  }

  undelivered(failure: Failure): void {
    this.#end(failure)
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Ends the exchange with an error page. If the response has begun, it is cut off instead, and the client can tell.
   */
  #end(failure: Failure): void {
    if (this.#isOver) return
    if (this.#attempt?.responseBegun) return this.#breakOff(failure)
    this.failure = failure.code
    const { id, method, isGrpc } = this.request
    const fields = this.#delivery?.placement.refused(this.downstream.origin.isSecure) ?? ''
    if (isGrpc) {
      this.grpcStatus = grpcStatuses[failure.code]
      return this.#answer(failedCall(failure, id, fields))
    }
    const accept = this.#acceptField()
    this.#answer(errorPage(failure, { requestId: id, accept, fields, isToHead: method === 'HEAD' }))
  }

  /** Ends the exchange in the middle of its response. The client of a call is told why, since its status comes last. */
  #breakOff(failure: Failure): void {
    this.failure = failure.code
    if (!this.request.isGrpc || !this.#attempt!.mayEndNow) return this.#settle('cut')
    this.grpcStatus = grpcStatuses[failure.code]
    this.downstream.end(trailersOfFailure(failure))
    this.downstream.flush()
    this.#settle('whole')
  }

  /** Ends the exchange with a response that Limpet generated. */
  #answer(response: OwnResponse): void {
    this.status = response.status
    this.respondedAt = now()
    const fields = this.tls?.responseFields ?? ''
    const whole = fields === '' ? response : { ...response, fields: response.fields + fields }
    this.downstream.answer(this.#filtering?.filtered(whole) ?? whole)
    this.#settle('whole')
  }

  #acceptField(): string {
    const head = this.context.headOf(this.request)
    const field = head.find(FieldName.Accept)
    return field < 0 ? '' : head.value(field)
  }

  /** The end of every exchange: releases the server, notifies the observers, and frees the client's connection. */
  #settle(how: 'whole' | 'cut'): void {
    this.#isOver = true
    if (this.#deadline !== undefined) this.context.deadlines.remove(this.#deadline)
    this.#delivery?.end()
    this.#filtering?.end()
    this.body.close()
    this.bytesSent = this.downstream.bytesSent
    this.bytesReceived = this.downstream.bodyLength
    for (const observer of this.context.observers) observer.ended(this)
    if (how === 'cut') this.downstream.reset()
    else this.downstream.finish()
  }
}
