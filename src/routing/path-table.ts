import type { Route } from '../runtime/snapshot.ts'

/** What routes may require of a request besides its host and path. */
export interface RequestConditions {
  readonly method: string
  /** Whether the first field with that (lower-case) name has exactly that value. */
  hasHeader(name: string, value: string): boolean
}

/**
 * The routes of one host, as a tree of their paths' segments: a path is followed down as long as there are routes that
 * begin like it, and no byte of it is looked at twice.
 */
export class PathTable {
  readonly #root = new PathNode(undefined)

  add(route: Route): void {
    const isPrefix = route.path.endsWith('/*')
    const path = isPrefix ? route.path.slice(0, -2) : route.path
    let node = this.#root
    for (const segment of path.split('/').slice(1)) node = node.grow(segment)
    const routes = isPrefix ? node.below : node.exact
    routes.push(new ConditionalRoute(route))
    routes.sort((a, b) => a.compare(b))
  }

  find(path: string, request: RequestConditions): Route | undefined {
    let node: PathNode | undefined = this.#root
    /** The slash before the first segment that no route has; the path's end if a route has them all. */
    let slash = 0
    while (node.children !== undefined && slash < path.length) {
      const next = path.indexOf('/', slash + 1)
      const end = next < 0 ? path.length : next
      const child = node.children.get(path.slice(slash + 1, end))
      if (child === undefined) break
      node = child
      slash = end
    }
    if (slash === path.length) {
      const exact = firstMatch(node.exact, request)
      if (exact !== undefined) return exact
      node = node.parent
    }
    for (; node !== undefined; node = node.parent) {
      const prefix = firstMatch(node.below, request)
      if (prefix !== undefined) return prefix
    }
    return undefined
  }
}

/** The routes whose paths have the same segments. */
class PathNode {
  readonly parent: PathNode | undefined
  /** By their segment; absent if no path goes on. */
  children: Map<string, PathNode> | undefined
  /** `/app` at the node `app`, in the order in which they are tried. */
  readonly exact: ConditionalRoute[] = []
  /** `/app/*` at the node `app`. */
  readonly below: ConditionalRoute[] = []

  constructor(parent: PathNode | undefined) {
    this.parent = parent
  }

  grow(segment: string): PathNode {
    this.children ??= new Map()
    const child = this.children.get(segment) ?? new PathNode(this)
    this.children.set(segment, child)
    return child
  }
}

/** A route, and what it requires of a request besides host and path. */
class ConditionalRoute {
  readonly route: Route
  readonly #headers: readonly [name: string, value: string][]

  constructor(route: Route) {
    this.route = route
    this.#headers = Object.entries(route.headers ?? {})
  }

  /** What is served comes before what is redirected, then more header conditions before fewer, then named methods before none. */
  compare(other: ConditionalRoute): number {
    const redirects = Number(this.route.redirect !== undefined) - Number(other.route.redirect !== undefined)
    const headers = other.#headers.length - this.#headers.length
    return redirects || headers || Number(other.route.methods !== undefined) - Number(this.route.methods !== undefined)
  }

  isMetBy(request: RequestConditions): boolean {
    if (this.route.methods?.includes(request.method) === false) return false
    for (let i = 0; i < this.#headers.length; i++) {
      const [name, value] = this.#headers[i]!
      if (!request.hasHeader(name, value)) return false
    }
    return true
  }
}

function firstMatch(routes: readonly ConditionalRoute[], request: RequestConditions): Route | undefined {
  for (let i = 0; i < routes.length; i++) {
    if (routes[i]!.isMetBy(request)) return routes[i]!.route
  }
  return undefined
}
