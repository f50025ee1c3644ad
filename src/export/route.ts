import { withFolderRedirects } from '../config/folder-redirect.ts'
import type { Route as ConfiguredRoute } from '../config/route.ts'
import type { Config } from '../config/schema.ts'

/** One host and one path of a route. */
export interface Route {
  /** Which one of the configuration's routes it is of. */
  readonly number: number
  /** `www.example.org`, or `*.example.org` for every name below it; undefined for any. */
  readonly host: string | undefined
  /** `/exactly/this`, `/this*` for all paths that begin like that, or a regular expression. */
  readonly path: string
  /** Empty for any. */
  readonly methods: readonly string[]
  /** Lower-case name to the exact value. */
  readonly headers: Readonly<Record<string, string>>
  /** Redirects requests to this path, percent-encoded, instead of serving them. */
  readonly redirect?: string
  readonly bodyLimit?: number
  readonly timeouts?: ConfiguredRoute['timeouts']
  readonly retries?: ConfiguredRoute['retries']
  /** The name of an upstream; undefined if its filters answer every request. */
  readonly upstream?: string | undefined
}

/** The routes of a configuration, one for each listed host and path, and one for each redirect to a folder. */
export function routesOf(config: Config): Route[] {
  return config.routes.flatMap(({ hosts, paths, ...route }, number) =>
    (hosts.length === 0 ? [undefined] : hosts).flatMap((host) =>
      withFolderRedirects(paths).map((place) => ({ ...route, number, host, ...place })),
    ),
  )
}

/** Whether the route has conditions other than its host and path. */
export function isConditional({ methods, headers }: Pick<Route, 'methods' | 'headers'>): boolean {
  return methods.length > 0 || Object.keys(headers).length > 0
}

/**
 * Sorts routes of the same host and path, the most specific first: routes that serve before redirects, then more headers
 * first, then routes with methods first.
 */
export function bySpecificity(one: Route, other: Route): number {
  const redirects = Number(one.redirect !== undefined) - Number(other.redirect !== undefined)
  const headers = Object.keys(other.headers).length - Object.keys(one.headers).length
  return redirects || headers || Number(other.methods.length > 0) - Number(one.methods.length > 0)
}
