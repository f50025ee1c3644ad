import type { Session } from '../affinity/affinity.ts'
import type { ClientOrigin } from '../forwarding/client-origin.ts'
import type { CookieNames } from '../http1/cookie-names.ts'
import type { Framing } from '../http1/framing.ts'
import type { HeadLimits } from '../http1/head.ts'
import { RequestHead } from '../http1/request-head.ts'
import { ResponseHead } from '../http1/response-head.ts'
import { type ConnectionObserver, NO_OBSERVER } from '../observability/connection-observer.ts'
import type { ExchangeObserver } from '../observability/exchange-record.ts'
import type { Notices } from '../observability/notices.ts'
import { BanList } from '../runtime/ban-list.ts'
import { wallSeconds } from '../runtime/clock.ts'
import { Deadlines } from '../runtime/deadlines.ts'
import { KeyedLimits } from '../runtime/keyed-limits.ts'
import type { Route } from '../runtime/snapshot.ts'
import { MemoryBudget } from '../transport/memory-budget.ts'
import { Scratch } from '../transport/scratch.ts'
import { ControlHeaders } from './control-headers.ts'
import type { Filter } from './filter.ts'
import type { FilteredRequest } from './filtered-request.ts'
import type { Generation } from './generation.ts'
import { ReceivedRequest } from './received-request.ts'
import { RequestView } from './request-view.ts'
import { ResponseView } from './response-view.ts'
import { Tunnels } from './tunnels.ts'

/** Of a head that was read once: it may be larger than what a Snapshot allows that has come since. */
const ACCEPTED: HeadLimits = { headSize: Infinity, headers: 0 }

/** How much memory the buffers of filters may take in a worker, in bytes. What comes then goes to the disk, or waits. */
const BUFFER_MEMORY = 256 * 1024 * 1024

/**
 * How a worker's connections end: each response is the last on its connection, and says so. With `stop`, a connection is
 * also closed after a response that did not say so; with `drain`, it is kept for one that does.
 */
type Ending = 'none' | 'drain' | 'stop'

/** What all connections and exchanges of a worker share. */
export class WorkerContext {
  /** What was built from the newest Snapshot; exchanges keep the upstream that they began with. */
  generation!: Generation
  ending: Ending = 'none'
  readonly observers: readonly ExchangeObserver[]
  readonly connections: ConnectionObserver
  readonly notices: Notices
  readonly deadlines: Deadlines
  /** Heads are parsed into these; each is valid until the next one is parsed. */
  readonly requestHead = new RequestHead()
  readonly responseHead = new ResponseHead()
  /** What an exchange shows of its request, or its response, to routes, affinities and policies: one after the other. */
  readonly requestView = new RequestView(this.requestHead)
  readonly responseView = new ResponseView(this.responseHead)
  /** What the response whose head was read last says to Limpet. */
  readonly controlHeaders = new ControlHeaders()
  readonly scratch = new Scratch()
  readonly tunnels = new Tunnels()
  /** By token: what is answered to a certificate authority (RFC 8555 §8.3). */
  challenges: ReadonlyMap<string, string> = new Map()
  /** The clients whose requests are refused. */
  readonly bans = new BanList()
  /** What limits know of their keys. */
  readonly keyedLimits: KeyedLimits
  /** For bodies that are kept whole, or until their clients take them. */
  readonly bufferMemory = new MemoryBudget(BUFFER_MEMORY)

  /** The filters of a route, in order; undefined if it has none. */
  filtersOf: (route: Route) => readonly Filter[] | undefined = () => undefined

  /** Resolves once the keys at that URL were fetched again, or cannot be. */
  renewKeys: (url: string) => Promise<void> = async () => {}

  /** `generation` must be set before anything is served. */
  constructor(
    observers: readonly ExchangeObserver[],
    notices: Notices,
    deadlines = new Deadlines(),
    connections = NO_OBSERVER,
    keyedLimits = new KeyedLimits(),
  ) {
    this.keyedLimits = keyedLimits
    this.observers = observers
    this.connections = connections
    this.notices = notices
    this.deadlines = deadlines
  }

  /** Shows a request to routes, affinities and policies. */
  show(head: RequestHead, origin: ClientOrigin, path: string, filtered?: FilteredRequest): RequestView {
    const { requestView } = this
    requestView.head = head
    requestView.address = origin.address
    requestView.certificate = origin.ends.tls?.clientCertificate
    requestView.listener = origin.ends.listener
    requestView.path = path
    requestView.filtered = filtered
    return requestView
  }

  get ownCookies(): CookieNames {
    return this.generation.ownCookies
  }

  /** The session that a request shows to the upstream that it goes to; undefined if it shows none. */
  sessionOf(request: FilteredRequest): Session | undefined {
    const affinity = request.group?.affinity
    if (affinity === undefined) return undefined
    const view = this.show(this.headOf(request.received), request.origin, request.path, request)
    return affinity.read(view, wallSeconds())
  }

  /** Whether a request shows a session that lives on the upstream that it goes to. */
  hasSession(request: FilteredRequest): boolean {
    const session = this.sessionOf(request)
    if (session === undefined) return false
    if (session.standing === 'known') return true
    // Any request has a key: only the table knows whose requests came before.
    const { sessions } = request.group!
    return session.key !== undefined && sessions.find(session.high, session.low, wallSeconds()) >= 0
  }

  /**
   * A request apart from its exchange, which may be over.
   *
   * @param head its head, in bytes of its own
   * @param framing of its body
   */
  received(head: Buffer, { isHttp2, id }: ReceivedRequest, framing: Framing): ReceivedRequest {
    this.requestHead.parse(head, 0, ACCEPTED)
    return new ReceivedRequest(this.requestHead, framing, isHttp2, id)
  }

  /** A request's head, in `requestHead`: parsed again if another one has been parsed since. */
  headOf({ bytes, headStart }: ReceivedRequest): RequestHead {
    const { requestHead } = this
    if (requestHead.bytes !== bytes || requestHead.start !== headStart) requestHead.parse(bytes, headStart, ACCEPTED)
    return requestHead
  }
}
