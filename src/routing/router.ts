import type { Slices } from '../runtime/slices.ts'
import type { Route } from '../runtime/snapshot.ts'
import { PathTable, type RequestConditions } from './path-table.ts'

/** How many routes are added in one slice of the building: about a millisecond's work. */
const SLICE = 256

/**
 * Finds the most specific route of a request, whatever the order they were written in: an exact host before a wildcard
 * and a longer wildcard before a shorter one, before none; then an exact path before a prefix and a longer prefix before
 * a shorter one; then what is served before what is redirected; then more header conditions before fewer; then named methods
 * before none. Each step is a look-up, so 10,000 routes cost what 10 do, and the number of steps is bounded by the length of
 * the routes' hosts and paths.
 */
export class Router {
  readonly #exactHosts = new Map<string, PathTable>()
  /** By what follows the asterisk: `.example.org`. */
  readonly #wildcardHosts = new Map<string, PathTable>()
  #longestExact = 0
  #longestWildcard = 0
  readonly #anyHost = new PathTable()
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
    if (this.#usesHost) {
      const exact = host.length > this.#longestExact ? undefined : this.#exactHosts.get(host)?.find(path, request)
      if (exact !== undefined) return exact
      const from = Math.max(0, host.length - this.#longestWildcard)
      for (let dot = host.indexOf('.', from); dot >= 0; dot = host.indexOf('.', dot + 1)) {
        const wildcard = this.#wildcardHosts.get(host.slice(dot))?.find(path, request)
        if (wildcard !== undefined) return wildcard
      }
    }
    return this.#anyHost.find(path, request)
  }

  #add(route: Route): void {
    this.#tableFor(route.host).add(route)
  }

  #tableFor(host: string | undefined): PathTable {
    if (host === undefined) return this.#anyHost
    this.#usesHost = true
    const wildcard = host.startsWith('*.')
    const tables = wildcard ? this.#wildcardHosts : this.#exactHosts
    const key = wildcard ? host.slice(1) : host
    if (wildcard) this.#longestWildcard = Math.max(this.#longestWildcard, key.length)
    else this.#longestExact = Math.max(this.#longestExact, key.length)
    const table = tables.get(key) ?? new PathTable()
    tables.set(key, table)
    return table
  }
}
