import type { Filter } from '../../exchange/filter.ts'
import { FilteredRequest } from '../../exchange/filtered-request.ts'
import { ReceivedRequest } from '../../exchange/received-request.ts'
import type { RequestView } from '../../exchange/request-view.ts'
import type { WorkerContext } from '../../exchange/worker-context.ts'
import { RouteFilters } from '../../filters/registry.ts'
import { KeyedLimits } from '../../runtime/keyed-limits.ts'
import type { Route, Snapshot } from '../../runtime/snapshot.ts'
import type { Rehearsal } from '../rehearsal.ts'
import { clientOf } from '../rehearsed-client.ts'

/** No body of a request is in a log. */
const NO_BODY = 0

/** Which upstream requests go to where a route is split. Its other filters need more of a request than logs have, and are passed by. */
export class SplitReplay {
  readonly #rehearsal: Rehearsal
  readonly #snapshot: Snapshot
  readonly #limits = new KeyedLimits()
  readonly #routes = new Map<Route, RouteSplits | undefined>()

  /** @param snapshot one for logs */
  constructor(rehearsal: Rehearsal, snapshot: Snapshot) {
    this.#rehearsal = rehearsal
    this.#snapshot = snapshot
  }

  /** The index of the upstream that a request of a route goes to. */
  upstreamOf(route: Route, view: RequestView, isSecure: boolean): number {
    if (!this.#routes.has(route)) this.#routes.set(route, this.#splitsOf(route))
    return this.#routes.get(route)?.upstreamOf(view, isSecure) ?? route.upstream
  }

  #splitsOf(route: Route): RouteSplits | undefined {
    const filters = route.filters?.filter(({ type }) => type === 'split') ?? []
    if (filters.length === 0) return undefined
    return new RouteSplits(this.#rehearsal.contextFor(route, this.#snapshot, this.#limits), { ...route, filters })
  }
}

/** The splits of one route. */
class RouteSplits {
  readonly #context: WorkerContext
  readonly #route: Route
  readonly #filters: readonly Filter[]

  constructor(context: WorkerContext, route: Route) {
    this.#context = context
    this.#route = route
    this.#filters = new RouteFilters(context).of(route) ?? []
  }

  upstreamOf(view: RequestView, isSecure: boolean): number {
    const received = new ReceivedRequest(view.head, NO_BODY)
    const { groups } = this.#context.generation
    const client = clientOf(view, isSecure)
    const request = new FilteredRequest(this.#context, client, received, this.#route, view.path, groups)
    for (const filter of this.#filters) filter.request?.(request)
    for (const filter of this.#filters) filter.ended?.(request)
    return request.upstream
  }
}
