import type { Filter } from '../filter.ts'
import type { KeyPath } from '../key-path.ts'
import type { Config } from '../schema.ts'

/** All filters of a configuration, each with its place, at which its settings are. */
export function* standingFilters({ routes, defaults }: Pick<Config, 'routes' | 'defaults'>): Generator<{
  readonly filter: Filter
  readonly place: KeyPath
}> {
  for (const [index, filter] of (defaults?.filters ?? []).entries())
    yield { filter, place: ['defaults', 'filters', index, filter.type] }
  for (const [route, { filters }] of routes.entries())
    for (const [index, filter] of filters.entries())
      yield { filter, place: ['routes', route, 'filters', index, filter.type] }
}
