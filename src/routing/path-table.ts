import type { LinearPattern } from '../runtime/linear-pattern.ts'
import type { Route } from '../runtime/snapshot.ts'
import { Candidate, firstMatch, insert } from './candidate.ts'
import type { RequestConditions } from './conditions.ts'
import { patternIn } from './expression.ts'
import { isParameter, pathForm } from './path-form.ts'
import { PathNode } from './path-node.ts'

/**
 * The routes of one host, as a tree of their paths' segments: a path is followed down as long as there are routes that
 * begin like it, and no byte of it is looked at twice. Regular expressions are where the text stands that they begin with.
 */
export class PathTable {
  readonly #root = new PathNode(undefined)
  /** Whether all paths are `/exact/ones` or `/prefixes/*`, without parameters. */
  #isPlain = true
  /** The best of the routes that have been found where more than one way leads down, and how much of the path it covers. */
  #found: Route | undefined
  #covered = 0

  add(route: Route): void {
    const pattern = patternIn(route.path)
    if (pattern === undefined) this.#addPath(route)
    else this.#addExpression(route, pattern)
  }

  find(path: string, request: RequestConditions): Route | undefined {
    if (this.#isPlain) return this.#findPlainly(path, request)
    this.#found = undefined
    this.#covered = 0
    return this.#search(this.#root, path, 0, request) ?? this.#found
  }

  #addPath(route: Route): void {
    const { segments, opening } = pathForm(route.path)
    let node = this.#root
    for (const segment of segments) {
      if (isParameter(segment)) this.#isPlain = false
      node = isParameter(segment) ? node.growAny() : node.grow(segment)
    }
    if (opening !== undefined && opening !== '') this.#isPlain = false
    insert(opening === undefined ? node.exact : node.open(opening), new Candidate(route))
  }

  #addExpression(route: Route, pattern: LinearPattern): void {
    this.#isPlain = false
    const segments = pattern.beginning.split('/').slice(1)
    const opening = segments.pop() ?? ''
    let node = this.#root
    for (const segment of segments) node = node.grow(segment)
    insert(node.open(opening), new Candidate(route, pattern))
  }

  #findPlainly(path: string, request: RequestConditions): Route | undefined {
    let node: PathNode | undefined = this.#root
    /** The slash before the first segment that no route has; the path's end if a route has them all. */
    let slash = 0
    while (node.children !== undefined && slash < path.length) {
      const end = endOfSegment(path, slash)
      const child = node.children.get(path.slice(slash + 1, end))
      if (child === undefined) break
      node = child
      slash = end
    }
    if (slash === path.length) {
      const exact = firstMatch(node.exact, path, request)
      if (exact !== undefined) return exact
      node = node.parent
    }
    for (; node !== undefined; node = node.parent) {
      const prefix = firstMatch(node.below, path, request)
      if (prefix !== undefined) return prefix
    }
    return undefined
  }

  /**
   * The exact route of the path at or below a node, of which `path[0, slash)` are the segments; of its ways down, the one by the fixed
   * segment comes first. Notes in `#found` which of the others covers most of the path.
   */
  #search(node: PathNode, path: string, slash: number, request: RequestConditions): Route | undefined {
    if (slash === path.length) return firstMatch(node.exact, path, request)
    const end = endOfSegment(path, slash)
    const child = node.children?.get(path.slice(slash + 1, end))
    const exact = child && this.#search(child, path, end, request)
    if (exact !== undefined) return exact
    if (node.any !== undefined && end > slash + 1) {
      const exact = this.#search(node.any, path, end, request)
      if (exact !== undefined) return exact
    }
    this.#searchOpenings(node, path, slash + 1, request)
    return undefined
  }

  /** @param from where the segment after the node begins */
  #searchOpenings(
    { openings, lengths, below }: PathNode,
    path: string,
    from: number,
    request: RequestConditions,
  ): void {
    if (openings !== undefined) {
      for (let i = 0; i < lengths.length; i++) {
        const to = from + lengths[i]!
        if (to <= this.#covered) return
        const candidates = to <= path.length && openings.get(path.slice(from, to))
        const route = candidates && firstMatch(candidates, path, request)
        if (!route) continue
        this.#found = route
        this.#covered = to
        return
      }
    }
    if (from <= this.#covered) return
    const route = firstMatch(below, path, request)
    if (route === undefined) return
    this.#found = route
    this.#covered = from
  }
}

/** Where the segment ends that begins with that slash. */
function endOfSegment(path: string, slash: number): number {
  const next = path.indexOf('/', slash + 1)
  return next < 0 ? path.length : next
}
