import { MAX_ROUTES } from '../../runtime/bounds.ts'
import type { Route } from '../../runtime/snapshot.ts'
import { ROUTE_CELLS, STATUS_CLASSES } from '../../runtime/tallies/layout.ts'
import type { Tallies } from '../../runtime/tallies.ts'
import { TallyChanges } from './tally-changes.ts'

/** A route's traffic in the last interval, a second. */
export interface RouteLoad {
  readonly route: Route
  readonly requests: number
  readonly errors: number
}

const SERVER_ERRORS = STATUS_CLASSES.indexOf('5xx')
/** What a second counts for in the mean by which routes are compared, so that a short list does not flicker. */
const WEIGHT = 1 / 30

/** The traffic of each route. */
export class RouteLoads {
  readonly #changes: TallyChanges
  /** By slot. */
  readonly #requests = new Float32Array(MAX_ROUTES)
  readonly #errors = new Float32Array(MAX_ROUTES)
  readonly #means = new Float32Array(MAX_ROUTES)
  #routes: readonly Route[] = []
  /** Of routes that are counted together, the last. */
  #bySlot: ReadonlyMap<number, Route> = new Map()

  constructor(tallies: Tallies) {
    this.#changes = new TallyChanges(tallies, 'routes', MAX_ROUTES, ROUTE_CELLS)
  }

  take(routes: readonly Route[], seconds: number): void {
    if (routes !== this.#routes) this.#bySlot = new Map(routes.map((route) => [route.slot ?? 0, route]))
    this.#routes = routes
    for (const slot of this.#bySlot.keys()) {
      const changes = this.#changes.read(slot)
      let requests = 0
      for (let statusClass = 0; statusClass < ROUTE_CELLS; statusClass++) requests += changes[statusClass]! / seconds
      this.#requests[slot] = requests
      this.#errors[slot] = changes[SERVER_ERRORS]! / seconds
      this.#means[slot]! += (requests - this.#means[slot]!) * WEIGHT
    }
  }

  /** Those with the most traffic lately. */
  busiest(most: number): RouteLoad[] {
    const slots = [...this.#bySlot.keys()].sort((one, other) => this.#means[other]! - this.#means[one]!)
    return slots.slice(0, most).map((slot) => ({
      route: this.#bySlot.get(slot)!,
      requests: this.#requests[slot]!,
      errors: this.#errors[slot]!,
    }))
  }
}
