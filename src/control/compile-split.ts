import { createHash } from 'node:crypto'
import type { Filter } from '../config/filter.ts'
import { splitCookieFor } from '../config/instance.ts'
import { type Cohort, POINTS } from '../runtime/cohort.ts'
import type { SplitSettings } from '../runtime/filter-settings.ts'
import { SIP_KEY_SIZE } from '../runtime/sip-hash.ts'
import type { Surroundings } from './filter-surroundings.ts'

/** A split as workers get it. */
export function compileSplit(
  { type, to, by, override = [], only }: Extract<Filter, { type: 'split' }>,
  { instance, upstreams, own = '' }: Surroundings,
): SplitSettings {
  return {
    type,
    cohorts: cohortsOf(to, upstreams),
    own,
    by,
    cookie: splitCookieFor(instance, own),
    hashKey: createHash('sha256').update(`split ${own}`).digest().subarray(0, SIP_KEY_SIZE),
    override,
    onlyNew: only === 'new',
  }
}

/**
 * The cohorts of a split, from both ends towards the middle: the first begins at 0, the second ends at the last point, the third
 * follows the first, and so on. So each of the last two grows into the middle, where the users of the route's own upstream are, and moves
 * nobody else.
 *
 * @param shares in hundredths of a percent, by the names of the upstreams
 * @param upstreams indices by name
 */
export function cohortsOf(shares: Readonly<Record<string, number>>, upstreams: ReadonlyMap<string, number>): Cohort[] {
  let low = 0
  let high = POINTS
  const cohorts = Object.entries(shares).map(([name, share], index) => {
    const upstream = { upstream: upstreams.get(name) ?? -1, name }
    if (index % 2 === 0) {
      low += share
      return { ...upstream, from: low - share, to: low }
    }
    high -= share
    return { ...upstream, from: high, to: high + share }
  })
  // Labels may name an upstream whose containers are gone: its users stay with the others.
  return cohorts.filter(({ upstream }) => upstream >= 0)
}
