import type { Slices } from '../runtime/slices.ts'
import type { Route } from '../runtime/snapshot.ts'
import type { RequestConditions } from './conditions.ts'
import { HostTable } from './host-table.ts'

/** How many routes are added in one slice of the building: about a millisecond's work. */
const SLICE = 256

interface Level {
  readonly priority: number
  readonly table: HostTable
}

/**
 * Finds the most specific route of a request, whatever the order they were written in: docs/routing.md has the rules. Each step is a
 * look-up, so 10,000 routes cost what 10 do, and the number of steps is bounded by the length of the routes' hosts and paths. Only
 * regular expressions are tried one by one: those of hosts, and those of paths that begin like the request's.
 */
export class Router {
  /** The highest priority first. */
  readonly #levels: Level[] = []
  #usesHost = false

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route)
  }

  /** The same, in slices. */
  static *build(routes: readonly Route[]): Slices<Router> {
    const router = new Router([])
    for (const [index, route] of routes.entries()) {
      if (index % SLICE === 0 && index > 0) yield
      router.#add(route)
    }
    return router
  }

  /** Whether any route looks at the host; if not, `find` may be given an empty one. */
  get usesHost(): boolean {
    return this.#usesHost
  }

  /**
   * @param host in normal form: see `normaliseHost`
   * @param path in normal form: see `normalisePath`
   */
  find(host: string, path: string, request: RequestConditions): Route | undefined {
    for (let i = 0; i < this.#levels.length; i++) {
      const route = this.#levels[i]!.table.find(host, path, request)
      if (route !== undefined) return route
    }
    return undefined
  }

  #add(route: Route): void {
    const table = this.#tableOf(route.priority ?? 0)
    table.add(route)
    this.#usesHost ||= table.usesHost
  }

  #tableOf(priority: number): HostTable {
    const known = this.#levels.find((level) => level.priority === priority)
    if (known !== undefined) return known.table
    const table = new HostTable()
    this.#levels.push({ priority, table })
    this.#levels.sort((one, other) => other.priority - one.priority)
    return table
  }
}
