import { asMapping } from '../as-written.ts'
import type { Filter } from '../filter.ts'
import type { KeyPath } from '../key-path.ts'
import type { Config } from '../schema.ts'
import { keySetUrl } from './jwt.ts'

interface FilePlace {
  readonly place: KeyPath
  readonly file: string
}

/** The files that filters name, each with its place in the configuration. */
export interface FilterFiles {
  readonly passwords: readonly FilePlace[]
  readonly keySets: readonly FilePlace[]
  readonly tokenSecrets: readonly FilePlace[]
}

export function filterFilesOf(config: Pick<Config, 'routes' | 'defaults'>): FilterFiles {
  const filters = [...filtersIn(config)]
  return {
    passwords: filters.flatMap(({ filter, place }) =>
      filter.type === 'basicAuth' && filter.file !== undefined
        ? [{ place: [...place, 'file'], file: filter.file }]
        : [],
    ),
    keySets: filters.flatMap(({ filter, place }) =>
      filter.type === 'jwt' && filter.keys !== undefined && keySetUrl(filter) === undefined
        ? [{ place: [...place, 'keys'], file: filter.keys }]
        : [],
    ),
    tokenSecrets: filters.flatMap(({ filter, place }) =>
      filter.type === 'jwt' && filter.secretFile !== undefined
        ? [{ place: [...place, 'secretFile'], file: filter.secretFile }]
        : [],
    ),
  }
}

/** The files that filters name, as these stand in a file or in labels, each with its place among them. */
export function filterFilesIn(filters: readonly unknown[]): readonly FilePlace[] {
  return filters.flatMap((filter, index) => {
    const { basicAuth, jwt } = asMapping(filter)
    const [{ file }, { keys, secretFile }] = [asMapping(basicAuth), asMapping(jwt)]
    const keyFile = typeof keys === 'string' && keySetUrl({ keys }) === undefined ? keys : undefined
    return [
      ...namedAt([index, 'basicAuth', 'file'], file),
      ...namedAt([index, 'jwt', 'keys'], keyFile),
      ...namedAt([index, 'jwt', 'secretFile'], secretFile),
    ]
  })
}

function namedAt(place: KeyPath, file: unknown): FilePlace[] {
  return typeof file === 'string' ? [{ place, file }] : []
}

/** The users that filters have, each with its place. */
export function filterUsersOf(
  config: Pick<Config, 'routes' | 'defaults'>,
): { place: KeyPath; users: readonly string[] }[] {
  return [...filtersIn(config)].flatMap(({ filter, place }) =>
    filter.type === 'basicAuth' && filter.users !== undefined
      ? [{ place: [...place, 'users'], users: filter.users }]
      : [],
  )
}

/** The URLs of all key sets that are fetched, each once. */
export function keySetUrlsOf(config: Pick<Config, 'routes' | 'defaults'>): ReadonlySet<string> {
  return new Set(
    [...filtersIn(config)].flatMap(({ filter }) => (filter.type === 'jwt' ? (keySetUrl(filter) ?? []) : [])),
  )
}

/** The parameters of queries in which tokens may be, each once. */
export function tokenParametersOf(config: Pick<Config, 'routes' | 'defaults'>): readonly string[] {
  const places = [...filtersIn(config)].flatMap(({ filter }) => (filter.type === 'jwt' ? filter.from : []))
  return [...new Set(places.flatMap((place) => (place.from === 'query' ? place.name : [])))]
}

/** The filter with absolute paths of its files. */
export function filterWithFiles(filter: Filter, absolute: (file: string) => string): Filter {
  switch (filter.type) {
    case 'basicAuth':
      return { ...filter, ...(filter.file !== undefined && { file: absolute(filter.file) }) }
    case 'jwt':
      return {
        ...filter,
        ...(filter.keys !== undefined && keySetUrl(filter) === undefined && { keys: absolute(filter.keys) }),
        ...(filter.secretFile !== undefined && { secretFile: absolute(filter.secretFile) }),
      }
    default:
      return filter
  }
}

/** Each with its place, at which its settings are. */
function* filtersIn({ routes, defaults }: Pick<Config, 'routes' | 'defaults'>) {
  for (const [index, filter] of (defaults?.filters ?? []).entries())
    yield { filter, place: ['defaults', 'filters', index, filter.type] as KeyPath }
  for (const [route, { filters }] of routes.entries())
    for (const [index, filter] of filters.entries())
      yield { filter, place: ['routes', route, 'filters', index, filter.type] as KeyPath }
}
