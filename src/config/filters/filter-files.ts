import { asList, asMapping } from '../as-written.ts'
import type { Filter } from '../filter.ts'
import type { KeyPath } from '../key-path.ts'
import type { Config } from '../schema.ts'
import { keySetUrl } from './jwt.ts'
import { standingFilters } from './standing-filters.ts'

interface FilePlace {
  readonly place: KeyPath
  readonly file: string
}

/** The files that filters name, each with its place in the configuration. */
export interface FilterFiles {
  readonly passwords: readonly FilePlace[]
  readonly keySets: readonly FilePlace[]
  readonly tokenSecrets: readonly FilePlace[]
  readonly pages: readonly FilePlace[]
  /** Those that only matter by being there. */
  readonly switches: readonly FilePlace[]
}

export function filterFilesOf(config: Pick<Config, 'routes' | 'defaults'>): FilterFiles {
  const filters = [...standingFilters(config)]
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
    pages: filters.flatMap(({ filter, place }) => {
      if (filter.type === 'errorPages')
        return filter.pages.flatMap(({ file }, index) =>
          file === undefined ? [] : [{ place: [...place, 'pages', index, 'file'], file }],
        )
      const isPage = filter.type === 'respond' || filter.type === 'maintenancePage'
      return isPage && filter.file !== undefined ? [{ place: [...place, 'file'], file: filter.file }] : []
    }),
    switches: filters.flatMap(({ filter, place }) =>
      filter.type === 'maintenancePage' && typeof filter.when === 'object'
        ? [{ place: [...place, 'when', 'file'], file: filter.when.file }]
        : [],
    ),
  }
}

/** The files that filters name, as these stand in a file or in labels, each with its place among them. */
export function filterFilesIn(filters: readonly unknown[]): readonly FilePlace[] {
  return filters.flatMap((filter, index) => {
    const { basicAuth, errorPages, jwt, maintenancePage, respond } = asMapping(filter)
    const { keys, secretFile } = asMapping(jwt)
    const keyFile = typeof keys === 'string' && keySetUrl({ keys }) === undefined ? keys : undefined
    return [
      ...namedAt([index, 'basicAuth', 'file'], asMapping(basicAuth).file),
      ...namedAt([index, 'jwt', 'keys'], keyFile),
      ...namedAt([index, 'jwt', 'secretFile'], secretFile),
      ...namedAt([index, 'respond', 'file'], asMapping(respond).file),
      ...namedAt([index, 'maintenancePage', 'file'], asMapping(maintenancePage).file),
      ...namedAt([index, 'maintenancePage', 'when', 'file'], asMapping(asMapping(maintenancePage).when).file),
      ...asList(asMapping(errorPages).pages).flatMap((page, at) =>
        namedAt([index, 'errorPages', 'pages', at, 'file'], asMapping(page).file),
      ),
    ]
  })
}

function namedAt(place: KeyPath, file: unknown): FilePlace[] {
  return typeof file === 'string' ? [{ place, file }] : []
}

/** The filter with absolute paths of its files. */
export function filterWithFiles(filter: Filter, absolute: (file: string) => string): Filter {
  const withFile = <Part extends { readonly file?: string }>(part: Part): Part =>
    part.file === undefined ? part : { ...part, file: absolute(part.file) }
  switch (filter.type) {
    case 'basicAuth':
    case 'respond':
      return withFile(filter)
    case 'errorPages':
      return { ...filter, pages: filter.pages.map(withFile) }
    case 'maintenancePage':
      return { ...withFile(filter), when: typeof filter.when === 'object' ? withFile(filter.when) : filter.when }
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
