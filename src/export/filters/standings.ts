import type { Filter } from '../../config/filter.ts'
import type { Config } from '../../config/schema.ts'
import type { Standing } from './filter-export.ts'
import { exportOf } from './registry.ts'

/** The filters of a route in order, those of `defaults` first. */
export function standingsOf(config: Config, index: number): readonly Standing[] {
  const { defaults: { filters: ofAll = [] } = {}, routes } = config
  const route = routes[index]!
  const siblings: Standing[] = []
  const changed: string[] = []
  const add = (filter: Filter, path: string, word: string) => {
    siblings.push({
      filter,
      path: `${path}.${filter.type}`,
      word,
      route,
      config,
      siblings,
      changedBefore: [...changed],
    })
    changed.push(...(exportOf(filter).changes?.(filter) ?? []))
  }
  for (const [at, filter] of ofAll.entries()) add(filter, `defaults.filters[${at}]`, wordOfAll(filter, at, index))
  for (const [at, filter] of route.filters.entries()) add(filter, `routes[${index}].filters[${at}]`, `${index}_${at}`)
  return siblings
}

/** Filters of `defaults` are the same in all routes, unless they are about the route. */
function wordOfAll(filter: Filter, at: number, index: number): string {
  const isPerRoute =
    ('by' in filter && Array.isArray(filter.by) && filter.by.some((part) => part.from === 'route')) ||
    ['errorPages', 'mirror', 'redirect', 'respond', 'split'].includes(filter.type)
  return isPerRoute ? `all_${at}_${index}` : `all_${at}`
}
