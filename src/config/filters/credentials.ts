import type { KeyPath } from '../key-path.ts'
import type { Config } from '../schema.ts'
import { keySetUrl } from './jwt.ts'
import { standingFilters } from './standing-filters.ts'

/** The users that filters have, each with its place. */
export function filterUsersOf(
  config: Pick<Config, 'routes' | 'defaults'>,
): { place: KeyPath; users: readonly string[] }[] {
  return [...standingFilters(config)].flatMap(({ filter, place }) =>
    filter.type === 'basicAuth' && filter.users !== undefined
      ? [{ place: [...place, 'users'], users: filter.users }]
      : [],
  )
}

/** The URLs of all key sets that are fetched, each once. */
export function keySetUrlsOf(config: Pick<Config, 'routes' | 'defaults'>): ReadonlySet<string> {
  return new Set(
    [...standingFilters(config)].flatMap(({ filter }) => (filter.type === 'jwt' ? (keySetUrl(filter) ?? []) : [])),
  )
}

/** The parameters of queries in which tokens may be, each once. */
export function tokenParametersOf(config: Pick<Config, 'routes' | 'defaults'>): readonly string[] {
  const places = [...standingFilters(config)].flatMap(({ filter }) => (filter.type === 'jwt' ? filter.from : []))
  return [...new Set(places.flatMap((place) => (place.from === 'query' ? place.name : [])))]
}
