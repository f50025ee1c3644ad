import type { Filter } from '../exchange/filter.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { FilterSettings } from '../runtime/filter-settings.ts'
import type { Route } from '../runtime/snapshot.ts'
import { AddressFilter } from './address-filter.ts'
import { Answers } from './answers.ts'
import { BasicAuth } from './basic-auth/basic-auth.ts'
import { BufferRequest } from './buffer-request.ts'
import { BufferResponse } from './buffer-response.ts'
import { Compress } from './compress.ts'
import { ConcurrencyLimit } from './concurrency-limit.ts'
import { Cors } from './cors.ts'
import { ErrorPages } from './error-pages.ts'
import { ForwardAuth } from './forward-auth/forward-auth.ts'
import { Headers } from './headers.ts'
import { Host } from './host.ts'
import { Jwt } from './jwt/jwt.ts'
import { MaintenancePage } from './maintenance-page.ts'
import { Mirror } from './mirror.ts'
import { Path } from './path.ts'
import { RateLimit } from './rate-limit.ts'
import { Redirect } from './redirect.ts'
import { Respond } from './respond.ts'
import { Split } from './split.ts'
import { TryNext } from './try-next.ts'

type Makers = {
  [Type in FilterSettings['type']]: (
    settings: Extract<FilterSettings, { type: Type }>,
    context: WorkerContext,
  ) => Filter
}

/** All filters, by their type. */
const makers: Makers = {
  allow: (settings) => new AddressFilter(settings),
  answers: (settings) => new Answers(settings),
  basicAuth: (settings, context) => new BasicAuth(settings, context),
  bufferRequest: (settings) => new BufferRequest(settings),
  bufferResponse: (settings, context) => new BufferResponse(settings, context),
  compress: (settings) => new Compress(settings),
  concurrencyLimit: (settings, context) => new ConcurrencyLimit(settings, context),
  cors: (settings) => new Cors(settings),
  deny: (settings) => new AddressFilter(settings),
  errorPages: (settings, context) => new ErrorPages(settings, context),
  forwardAuth: (settings) => new ForwardAuth(settings),
  headers: (settings) => new Headers(settings),
  host: (settings) => new Host(settings),
  jwt: (settings, context) => new Jwt(settings, context),
  maintenancePage: (settings, context) => new MaintenancePage(settings, context),
  mirror: (settings, context) => new Mirror(settings, context),
  path: (settings) => new Path(settings),
  rateLimit: (settings, context) => new RateLimit(settings, context),
  redirect: (settings) => new Redirect(settings),
  respond: (settings, context) => new Respond(settings, context),
  split: (settings, context) => new Split(settings, context),
  tryNext: (settings) => new TryNext(settings),
}

/**
 * The filters of all routes of a worker. Each is made when the first request comes, and lasts as long as its settings are the same
 * object, which they are from one Snapshot to the next if nothing has changed there.
 */
export class RouteFilters {
  readonly #context: WorkerContext
  #chains = new WeakMap<readonly FilterSettings[], readonly Filter[]>()
  readonly #filters = new Map<FilterSettings, Filter>()

  constructor(context: WorkerContext) {
    this.#context = context
  }

  /** In order; undefined if the route has none. */
  of({ filters }: Route): readonly Filter[] | undefined {
    if (filters === undefined) return undefined
    let chain = this.#chains.get(filters)
    if (chain === undefined) {
      chain = filters.map((settings) => this.#filterOf(settings))
      this.#chains.set(filters, chain)
    }
    return chain
  }

  /** These are the routes from now on: filters of no route are closed. */
  apply(routes: readonly Route[]): void {
    if (this.#filters.size === 0) return
    const used = new Set(routes.flatMap(({ filters = [] }) => filters))
    for (const [settings, filter] of this.#filters) {
      if (used.has(settings)) continue
      this.#filters.delete(settings)
      filter.close?.()
    }
    this.#chains = new WeakMap()
  }

  #filterOf(settings: FilterSettings): Filter {
    let filter = this.#filters.get(settings)
    if (filter === undefined) {
      const make = makers[settings.type] as (settings: FilterSettings, context: WorkerContext) => Filter
      filter = make(settings, this.#context)
      this.#filters.set(settings, filter)
    }
    return filter
  }
}
