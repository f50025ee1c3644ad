import type { Sort } from '../../components/data-table.tsx'
import { place, setQuery } from '../../state/place.ts'
import type { Standing } from '../../state/server-standing.ts'
import type { ServerRow } from './server-row.ts'

/** What is shown of the servers, as the page's address has it: `#/upstreams/app?sort=latency&order=desc&state=down&find=web`. */
export interface View {
  readonly sort: Sort | undefined
  readonly state: StateFilter
  readonly find: string
}

export const stateFilters = ['all', 'up', 'draining', 'down', 'away', 'maintenance'] as const
export type StateFilter = (typeof stateFilters)[number]

export function viewNow(): View {
  const { query } = place.value
  const key = query.get('sort')
  return {
    sort: key === null ? undefined : { key, isDescending: query.get('order') === 'desc' },
    state: stateFilters.find((one) => one === query.get('state')) ?? 'all',
    find: query.get('find') ?? '',
  }
}

export function setSort({ key, isDescending }: Sort): void {
  setQuery({ sort: key, order: isDescending ? 'desc' : 'asc' })
}

export function setState(state: StateFilter): void {
  setQuery({ state: state === 'all' ? '' : state })
}

export function setFind(find: string): void {
  setQuery({ find })
}

/** Whether the view shows it. */
export function shows({ state, find }: View, { server, standing }: ServerRow): boolean {
  const words = [server.name, server.address, standing.word, standing.because ?? ''].join('\n').toLowerCase()
  return (state === 'all' || filterOf(standing) === state) && words.includes(find.trim().toLowerCase())
}

/** A server that was not used yet is as well as one that was. */
export function filterOf({ kind }: Standing): StateFilter {
  return kind === 'ready' ? 'up' : kind
}
