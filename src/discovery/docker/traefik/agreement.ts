import type { LabelMistakes } from '../label-mistakes.ts'
import { type Claim, ClaimsByHost, isSameHandling } from './claims.ts'
import type { Settings } from './middlewares/effect.ts'
import type { Handling } from './middlewares/middlewares.ts'
import { overlap } from './requirements.ts'
import { isSecure, ruleLabel } from './routers.ts'

/** How many pairs are compared at most. */
const MOST_PAIRS = 200_000

/**
 * The claims that become routes. Of several on the very same requests, the one counts that Traefik would ask first; at the same
 * priority, the one with TLS, since here every listener serves every route.
 *
 * What must not be served for want of a middleware is left out; where another route would serve it then, it becomes a route that
 * refuses everybody.
 */
export function claimsThatCount(all: readonly Claim[], mistakes: LabelMistakes): Claim[] {
  const sameRequests = Map.groupBy(all.toSorted(inOrder), ({ requirements }) => JSON.stringify(requirements))
  const counting = [...sameRequests.values()].flatMap((claims) => theOneOf(claims, mistakes) ?? [])
  const served = new ClaimsByHost()
  for (const claim of counting) if (claim.handling !== undefined) served.add(claim)
  let left = MOST_PAIRS
  return counting.flatMap((claim) => {
    if (claim.handling !== undefined) return [claim]
    for (const broader of served.near(claim)) {
      // Beyond what is compared, it is refused in any case.
      const isServedThere = left === 0 || isServedBy(broader, claim)
      left = Math.max(0, left - 1)
      if (isServedThere) return [{ ...claim, upstream: broader.upstream }]
    }
    return []
  })
}

function isServedBy(broader: Claim, { priority, requirements }: Claim): boolean {
  return broader.priority < priority && overlap(broader.requirements, requirements)
}

function inOrder(one: Claim, other: Claim): number {
  const byPriority = other.priority - one.priority
  const byTls = Number(isSecure(other.router)) - Number(isSecure(one.router))
  return byPriority || byTls || (one.router.name < other.router.name ? -1 : 1)
}

/** Of claims on the same requests, the one that counts. */
function theOneOf(claims: readonly Claim[], mistakes: LabelMistakes): Claim | undefined {
  const plain = claims.filter((claim) => isOnlyToHttps(claim))
  const [first, ...others] = claims.filter((claim) => !plain.includes(claim))
  if (first === undefined || !isSecure(first.router)) sayUseless(plain, mistakes)
  for (const other of others) {
    if (other.upstream === first!.upstream && isSameHandling(other, first!)) continue
    const why =
      other.priority === first!.priority ? 'it has tls, or comes first by its name' : 'Traefik would ask it first'
    mistakes.add(
      ruleLabel(other.router),
      `requires the same as the router ${first!.router.name}, which counts, because ${why}`,
    )
  }
  const toHttps = plain[0]?.handling?.toHttps
  if (first?.handling === undefined || toHttps === undefined || !isSecure(first.router)) return first
  return { ...first, handling: withRedirect(first.handling, toHttps) }
}

/** Whether it is of a router without TLS that sends every request to https, and so serves nothing. */
function isOnlyToHttps({ router, handling }: Claim): boolean {
  return handling?.toHttps !== undefined && !isSecure(router)
}

/** With the redirect that a router without TLS has for the same requests. */
function withRedirect(handling: Handling, toHttps: Settings): Handling {
  if (handling.toHttps !== undefined) return handling
  return { ...handling, filters: [toHttps, ...handling.filters], toHttps }
}

function sayUseless(plain: readonly Claim[], mistakes: LabelMistakes): void {
  for (const { router } of plain)
    mistakes.add(
      ruleLabel(router),
      'is of a router that sends every request to https, and no router with tls has the same rule: the route is left out',
      'write redirect: https at the listener of port 80',
    )
}
