import type { Definition } from './definitions.ts'
import { coversHost, coversPath, overlap, type Requirements } from './requirements.ts'

/** One host and one path of a router's rule. */
export interface Claim {
  readonly router: Definition
  readonly upstream: string
  /** The higher, the earlier Traefik asks the router. */
  readonly priority: number
  readonly requirements: Requirements
}

/** Two claims on one request, of which Traefik prefers the first, and Limpet the second. */
export interface Conflict {
  readonly traefik: Claim
  readonly limpet: Claim
}

/** How many pairs are compared at most; beyond that, the report is incomplete. */
const MOST_PAIRS = 200_000

/** Divides a rule into claims, each of one host and one path. */
export function claimsOf(claim: Claim): Claim[] {
  const { hosts, paths } = claim.requirements
  return orAny(hosts).flatMap((host) =>
    orAny(paths).map((path) => ({
      ...claim,
      requirements: {
        ...claim.requirements,
        hosts: host === undefined ? [] : [host],
        paths: [path ?? '/*'],
      },
    })),
  )
}

function orAny(patterns: readonly string[]): readonly (string | undefined)[] {
  return patterns.length === 0 ? [undefined] : patterns
}

/** Requests for which the two orders differ: Traefik asks by priority, Limpet takes the most specific route. */
export function conflictsOf(claims: readonly Claim[]): Conflict[] {
  const conflicts: Conflict[] = []
  const byPriority = claims.toSorted((a, b) => b.priority - a.priority)
  let pairs = 0
  for (const [index, later] of byPriority.entries()) {
    for (let before = 0; before < index && pairs < MOST_PAIRS; before++, pairs++) {
      const earlier = byPriority[before]!
      if (earlier.priority === later.priority || earlier.upstream === later.upstream) continue
      if (overlap(earlier.requirements, later.requirements) && isMoreSpecific(later.requirements, earlier.requirements))
        conflicts.push({ traefik: earlier, limpet: later })
    }
  }
  return conflicts
}

/** The order of routing/router.ts, of two claims that overlap. */
function isMoreSpecific(one: Requirements, other: Requirements): boolean {
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
