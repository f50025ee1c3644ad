import type { Route } from '../runtime/snapshot.ts'

/** The indices of all upstreams that requests of a route may go to. */
export function upstreamsOf({ upstream, filters = [] }: Route): number[] {
  const cohorts = filters.flatMap((filter) => (filter.type === 'split' ? filter.cohorts : []))
  return [...new Set([upstream, ...cohorts.map((cohort) => cohort.upstream)])].filter(isThere)
}

/** The indices of all upstreams that may get copies of them. */
export function mirrorsOf({ filters = [] }: Route): number[] {
  return filters.flatMap((filter) => (filter.type === 'mirror' ? filter.upstream : [])).filter(isThere)
}

function isThere(index: number): boolean {
  return index >= 0
}
