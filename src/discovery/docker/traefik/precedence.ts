import { InvalidValue } from '../../../config/error.ts'
import { type Claim, ClaimsByHost, isSameHandling } from './claims.ts'
import type { Definition } from './definitions.ts'
import { coversHost, coversPath, hasExpressions, intersection, overlap, type Requirements } from './requirements.ts'

/** How many pairs are compared at most; beyond that, the most specific route wins. */
const MOST_PAIRS = 200_000
/** The highest priority of a route. */
const HIGHEST = 1000

/**
 * The priorities that the routes of routers need for Limpet to find the one that Traefik would ask first: Traefik asks by its own
 * priorities, Limpet takes the most specific route. Nearly all need none.
 */
export function levelsOf(claims: readonly Claim[]): ReadonlyMap<Definition, number> {
  const levels = new Map<Definition, number>()
  const known = new ClaimsByHost()
  let pairs = 0
  // From the last that Traefik asks on, so that the levels of those which come after a claim are known.
  for (const claim of claims.toSorted((a, b) => a.priority - b.priority)) {
    for (const later of known.near(claim)) {
      if (++pairs > MOST_PAIRS) return levels
      if (later.priority === claim.priority || isSame(claim, later) || !meet(claim, later)) continue
      const level = (levels.get(later.router) ?? 0) + (isFound(claim.requirements, later.requirements) ? 0 : 1)
      if (level > (levels.get(claim.router) ?? 0)) levels.set(claim.router, Math.min(level, HIGHEST))
    }
    known.add(claim)
  }
  return levels
}

/** Whether it does not matter which of the two a request belongs to. */
function isSame(one: Claim, other: Claim): boolean {
  return one.router === other.router || (one.upstream === other.upstream && isSameHandling(one, other))
}

/** Whether some request may meet both. Of regular expressions, that is asked only where a priority is written. */
function meet(one: Claim, other: Claim): boolean {
  const [first, second] = [one.requirements, other.requirements]
  if (!hasExpressions(first) && !hasExpressions(second)) return overlap(first, second)
  return [one, other].some(({ router }) => router.fields.has('priority')) && mayMeet(first, second)
}

function mayMeet(one: Requirements, other: Requirements): boolean {
  try {
    return intersection(one, other) !== undefined
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error
    return true
  }
}

/** Whether Limpet finds the first of two that overlap, by the order of routing/router.ts. Of regular expressions, that is not known. */
function isFound(one: Requirements, other: Requirements): boolean {
  if (hasExpressions(one) || hasExpressions(other)) return false
  const [host, otherHost] = [one.hosts[0] ?? '*.', other.hosts[0] ?? '*.']
  if (host !== otherHost) return otherHost === '*.' || coversHost(otherHost, host)
  const [path, otherPath] = [one.paths[0]!, other.paths[0]!]
  if (path !== otherPath) return coversPath(otherPath, path)
  const conditions = conditionsIn(one) - conditionsIn(other)
  return conditions > 0 || (conditions === 0 && one.methods.length > 0 && other.methods.length === 0)
}

function conditionsIn({ headers, query = {} }: Requirements): number {
  return Object.keys(headers).length + Object.keys(query).length
}
