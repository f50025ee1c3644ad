import type { Route } from '../runtime/snapshot.ts'

/** The indices of all upstreams that a route may lead requests, or copies of them, to. */
export function upstreamsOf({ upstream, filters = [] }: Route): number[] {
  const all = filters.flatMap((filter) => {
    if (filter.type === 'split') return filter.cohorts.map((cohort) => cohort.upstream)
    return filter.type === 'mirror' ? filter.upstream : []
  })
  return [...new Set([upstream, ...all])].filter((index) => index >= 0)
}
