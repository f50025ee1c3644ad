import type { Route } from '../snapshot.ts'

/** What routes may ask of a request beyond its host and its path. */
export interface RequestConditions {
  readonly method: string
  /** The value of the first field with that (lower-case) name. */
  header(name: string): string | undefined
}

/**
 * Finds the most specific route of a request, whatever the order they were written in: an exact host before a wildcard
 * and a longer wildcard before a shorter one, before none; then an exact path before a prefix and a longer prefix before
 * a shorter one; then what is served before what is redirected; then more header conditions before fewer; then named methods
 * before none. Each step is a look-up, so 10,000 routes cost what 10 do.
 */
export class Router {
  readonly #exactHosts = new Map<string, PathTable>()
  /** By what follows the asterisk: `.example.org`. */
  readonly #wildcardHosts = new Map<string, PathTable>()
  readonly #anyHost = new PathTable()
  /** Whether any route looks at the host; if not, `find` may be given an empty one. */
  readonly usesHost: boolean

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#tableFor(route.host).add(route)
    this.usesHost = this.#exactHosts.size + this.#wildcardHosts.size > 0
  }

  /**
   * @param host in normal form: see `normaliseHost`
   * @param path in normal form: see `normalisePath`
   */
  find(host: string, path: string, request: RequestConditions): Route | undefined {
    if (this.usesHost) {
      const exact = this.#exactHosts.get(host)?.find(path, request)
      if (exact !== undefined) return exact
      for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
        const wildcard = this.#wildcardHosts.get(host.slice(dot))?.find(path, request)
        if (wildcard !== undefined) return wildcard
      }
    }
    return this.#anyHost.find(path, request)
  }

  #tableFor(host: string | undefined): PathTable {
    if (host === undefined) return this.#anyHost
    const wildcard = host.startsWith('*.')
    const tables = wildcard ? this.#wildcardHosts : this.#exactHosts
    const key = wildcard ? host.slice(1) : host
    const table = tables.get(key) ?? new PathTable()
    tables.set(key, table)
    return table
  }
}

/** The routes of one host, by path. */
class PathTable {
  readonly #exact = new Map<string, Route[]>()
  /** By the prefix with its last slash: `/app/` for `/app/*`. */
  readonly #prefixes = new Map<string, Route[]>()

  add(route: Route): void {
    const prefix = route.path.endsWith('/*')
    const paths = prefix ? this.#prefixes : this.#exact
    const key = prefix ? route.path.slice(0, -1) : route.path
    const routes = paths.get(key) ?? []
    routes.push(route)
    routes.sort(bySpecificity)
    paths.set(key, routes)
  }

  find(path: string, request: RequestConditions): Route | undefined {
    const exact = firstMatch(this.#exact.get(path), request)
    if (exact !== undefined) return exact
    for (let slash = path.lastIndexOf('/'); slash >= 0; slash = slash === 0 ? -1 : path.lastIndexOf('/', slash - 1)) {
      const prefix = firstMatch(this.#prefixes.get(path.slice(0, slash + 1)), request)
      if (prefix !== undefined) return prefix
    }
    return undefined
  }
}

function bySpecificity(a: Route, b: Route): number {
  const redirects = Number(a.redirect !== undefined) - Number(b.redirect !== undefined)
  const headers = Object.keys(b.headers ?? {}).length - Object.keys(a.headers ?? {}).length
  return redirects || headers || Number(b.methods !== undefined) - Number(a.methods !== undefined)
}

function firstMatch(routes: readonly Route[] | undefined, request: RequestConditions): Route | undefined {
  if (routes === undefined) return undefined
  for (const route of routes) {
    if (meets(request, route)) return route
  }
  return undefined
}

function meets(request: RequestConditions, route: Route): boolean {
  if (route.methods !== undefined && !route.methods.includes(request.method)) return false
  if (route.headers === undefined) return true
  return Object.entries(route.headers).every(([name, value]) => request.header(name) === value)
}
