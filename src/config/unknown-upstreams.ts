import { asList, asMapping } from './as-written.ts'
import { alternatives } from './error.ts'
import type { KeyPath } from './key-path.ts'
import { nearest } from './nearest.ts'
import { didYouMean, type Issue } from './validate.ts'

/** Where the file names an upstream: as a value, or as a key. */
interface Reference {
  readonly path: KeyPath
  readonly atKey?: true
  readonly name: unknown
}

/**
 * Names of upstreams that do not exist. Also where labels describe others: a route of the file must hold before any container is
 * there.
 */
export function unknownUpstreams(
  routes: readonly unknown[],
  defaults: unknown,
  names: readonly string[],
  isDiscovering: boolean,
): Issue[] {
  const byLabels = isDiscovering ? 'labels describe the routes to their own upstreams' : undefined
  if (names.length === 0 && !isDiscovering) return []
  const references = [
    ...routes.flatMap((route, index): Reference[] => {
      const { upstream, filters } = asMapping(route)
      const path = ['routes', index]
      return [{ path: [...path, 'upstream'], name: upstream }, ...inFilters(filters, [...path, 'filters'])]
    }),
    ...inFilters(asMapping(defaults).filters, ['defaults', 'filters']),
  ]
  return references.flatMap(({ name, ...place }) => {
    if (typeof name !== 'string' || names.includes(name)) return []
    const known = names.length > 0 && names.length <= 10 ? ` (${alternatives(names)})` : ''
    const message = `expected the name of an upstream${known}, found ${JSON.stringify(name)}`
    return [{ ...place, message, hint: didYouMean(nearest(name, names)) ?? byLabels }]
  })
}

function inFilters(filters: unknown, path: KeyPath): Reference[] {
  return asList(filters).flatMap((filter, index): Reference[] => {
    const { split, mirror } = asMapping(filter)
    const shares = Object.keys(asMapping(asMapping(split).to))
    return [
      ...shares.map((name) => ({ path: [...path, index, 'split', 'to', name], atKey: true as const, name })),
      { path: [...path, index, 'mirror', 'to'], name: asMapping(mirror).to },
    ]
  })
}
