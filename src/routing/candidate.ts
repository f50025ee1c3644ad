import type { LinearPattern } from '../runtime/linear-pattern.ts'
import type { Route } from '../runtime/snapshot.ts'
import { conditionsOf, type RequestConditions } from './conditions.ts'
import { compareExpressions } from './expression.ts'

/** A route among those of the same place in a table, and what it requires of a request besides host and path. */
export class Candidate {
  readonly route: Route
  /** What the path must match besides; undefined where its place says it all. */
  readonly #pattern: LinearPattern | undefined
  readonly #conditions: ReturnType<typeof conditionsOf>

  constructor(route: Route, pattern?: LinearPattern) {
    this.route = route
    this.#pattern = pattern
    this.#conditions = conditionsOf(route)
  }

  /**
   * What is served comes before what is redirected, then regular expressions before none, in their order, then more conditions before
   * fewer, then named methods before none.
   */
  compare(other: Candidate): number {
    const redirects = Number(this.route.redirect !== undefined) - Number(other.route.redirect !== undefined)
    const patterns = compareExpressions(this.#pattern?.source, other.#pattern?.source)
    const conditions = other.#conditions.length - this.#conditions.length
    const methods = Number(other.route.methods !== undefined) - Number(this.route.methods !== undefined)
    return redirects || patterns || conditions || methods
  }

  isMetBy(path: string, request: RequestConditions): boolean {
    if (this.route.methods?.includes(request.method) === false) return false
    for (let i = 0; i < this.#conditions.length; i++) if (!this.#conditions[i]!(request)) return false
    return this.#pattern === undefined || this.#pattern.test(path)
  }
}

/** The first route of those whose place the path has reached. */
export function firstMatch(
  candidates: readonly Candidate[],
  path: string,
  request: RequestConditions,
): Route | undefined {
  for (let i = 0; i < candidates.length; i++) {
    if (candidates[i]!.isMetBy(path, request)) return candidates[i]!.route
  }
  return undefined
}

/** Adds a candidate where its turn is. */
export function insert(candidates: Candidate[], candidate: Candidate): void {
  let at = candidates.length
  while (at > 0 && candidates[at - 1]!.compare(candidate) > 0) at--
  candidates.splice(at, 0, candidate)
}
