import type { Filter } from '../config/filter.ts'
import type { FilterSettings, HeaderTemplate } from '../runtime/filter-settings.ts'

/** The settings of a filter as workers need them. */
export function compileFilter(filter: Filter): FilterSettings {
  switch (filter.type) {
    case 'respond':
      return { ...filter, headers: withContentType(filter.headers), body: Buffer.from(filter.body) }
    case 'redirect':
      return { type: filter.type, status: filter.status, location: filter.to }
    default:
      return filter
  }
}

function withContentType(headers: readonly HeaderTemplate[]): readonly HeaderTemplate[] {
  if (headers.some(({ name }) => name.toLowerCase() === 'content-type')) return headers
  return [{ name: 'Content-Type', value: ['text/plain; charset=utf-8'] }, ...headers]
}
