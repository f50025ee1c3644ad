import { asList, asMapping } from './as-written.ts'
import type { Issue } from './validate.ts'

/** Splits that do not fit the upstream of their route. */
export function splitContradictions(routes: readonly unknown[], upstreams: Readonly<Record<string, unknown>>): Issue[] {
  return routes.flatMap((route, index) => {
    const { upstream, filters } = asMapping(route)
    if (typeof upstream !== 'string') return []
    return asList(filters).flatMap((filter, position) => {
      const split = asMapping(asMapping(filter).split)
      const path = ['routes', index, 'filters', position, 'split']
      const see = ['routes', index, 'upstream']
      const issues: Issue[] = []
      if (upstream in asMapping(split.to))
        issues.push({
          path: [...path, 'to', upstream],
          atKey: true,
          message: `expected another upstream than the route's own, found ${JSON.stringify(upstream)}`,
          hint: 'leave it out: everybody else goes there anyway',
          see,
        })
      if (split.only === 'new' && upstream in upstreams && !hasSessions(asMapping(upstreams[upstream])))
        issues.push({
          path: [...path, 'only'],
          message: `expected no only: new, because upstream ${upstream} has no sessions, found "new"`,
          hint: 'give the upstream an affinity, or leave it out',
          see: ['upstreams', upstream],
        })
      return issues
    })
  })
}

function hasSessions({ affinity, balance }: Readonly<Record<string, unknown>>): boolean {
  return affinity !== undefined || balance === 'ip-hash' || asMapping(balance).type === 'ip-hash'
}
