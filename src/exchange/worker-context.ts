import { RequestHead } from '../http1/request-head.ts'
import { ResponseHead } from '../http1/response-head.ts'
import type { ExchangeObserver } from '../observability/exchange-record.ts'
import type { Notices } from '../observability/notices.ts'
import { Deadlines } from '../runtime/deadlines.ts'
import { Scratch } from '../transport/scratch.ts'
import type { Generation } from './generation.ts'
import type { ReceivedRequest } from './received-request.ts'
import { RequestView } from './request-view.ts'
import { ResponseView } from './response-view.ts'

/** What all connections and exchanges of a worker share. */
export class WorkerContext {
  /** What was built from the newest Snapshot; exchanges keep the upstream that they began with. */
  generation!: Generation
  /** Whether the program is about to stop, so that no connection is kept for another request. */
  isStopping = false
  readonly observers: readonly ExchangeObserver[]
  readonly notices: Notices
  readonly deadlines: Deadlines
  /** Where heads are read; what they say holds until the next one is. */
  readonly requestHead = new RequestHead()
  readonly responseHead = new ResponseHead()
  /** What an exchange shows of its request, or its response, to routes, affinities and policies: one after the other. */
  readonly requestView = new RequestView(this.requestHead)
  readonly responseView = new ResponseView(this.responseHead)
  readonly scratch = new Scratch()

  /** Its generation is to be set before anything is served. */
  constructor(observers: readonly ExchangeObserver[], notices: Notices, deadlines = new Deadlines()) {
    this.observers = observers
    this.notices = notices
    this.deadlines = deadlines
  }

  /** The head of a request, in `requestHead`: read again, if another one has been read since. */
  headOf({ bytes, headStart }: ReceivedRequest): RequestHead {
    const { requestHead, generation } = this
    if (requestHead.bytes !== bytes || requestHead.start !== headStart)
      requestHead.parse(bytes, headStart, generation.snapshot.limits)
    return requestHead
  }
}
