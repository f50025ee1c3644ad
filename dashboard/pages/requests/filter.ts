import { computed } from '@preact/signals'
import { place, setQuery } from '../../state/place.ts'

/** What the requests can be filtered by, as in the query of /v1/requests/stream. */
export const filterNames = ['path', 'method', 'status', 'upstream', 'server', 'reason'] as const
export type FilterName = (typeof filterNames)[number]

/** What the API takes for a status: `404`, or a class such as `5xx`. */
const STATUS = /^[1-5](?:\d\d|xx)$/

/** A filter is kept in the address of the page, so that a link shows the same requests. */
export function filterOf(name: FilterName): string {
  return place.value.query.get(name) ?? ''
}

export function isValid(name: FilterName, value: string): boolean {
  return name !== 'status' || value === '' || STATUS.test(value)
}

export function setFilter(name: FilterName, value: string): void {
  setQuery({ [name]: value })
}

export function clearFilters(): void {
  setQuery(Object.fromEntries(filterNames.map((name) => [name, ''])))
}

/** The filters as a query of the API: empty without any. One that is still being typed does not count. */
export const filterQuery = computed(() => {
  const set = filterNames.map((name) => [name, filterOf(name)] as const)
  const valid = set.filter(([name, value]) => value !== '' && isValid(name, value))
  return valid.length === 0 ? '' : `?${new URLSearchParams(valid.map(([name, value]) => [name, value]))}`
})
