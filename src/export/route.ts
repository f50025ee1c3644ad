import { withFolderRedirects } from '../config/folder-redirect.ts'
import type { Config } from '../config/schema.ts'

/** One host and one path of a route. */
export interface Route {
  /** `www.example.org`, or `*.example.org` for every name below it; undefined for any. */
  readonly host: string | undefined
  /** `/exactly/this`, or `/this/*` for everything below `/this/`. */
  readonly path: string
  /** Empty for any. */
  readonly methods: readonly string[]
  /** Lower-case name to the exact value. */
  readonly headers: Readonly<Record<string, string>>
  /** Where requests are redirected to instead of being served: a path, percent-encoded. */
  readonly redirect?: string
  /** The name of an upstream. */
  readonly upstream: string
}

/** The routes of a configuration, one for each of the hosts and paths that they list, and one for each redirect to a folder. */
export function routesOf(config: Config): Route[] {
  return config.routes.flatMap(({ hosts, paths, ...route }) =>
    (hosts.length === 0 ? [undefined] : hosts).flatMap((host) =>
      withFolderRedirects(paths).map((place) => ({ ...route, host, ...place })),
    ),
  )
}

/** Whether the route asks for more than its host and its path. */
export function isConditional({ methods, headers }: Pick<Route, 'methods' | 'headers'>): boolean {
  return methods.length > 0 || Object.keys(headers).length > 0
}

/**
 * Which of two routes of the same host and path is the more specific: the one that serves, then the one with more headers,
 * then the one with methods.
 */
export function bySpecificity(one: Route, other: Route): number {
  const redirects = Number(one.redirect !== undefined) - Number(other.redirect !== undefined)
  const headers = Object.keys(other.headers).length - Object.keys(one.headers).length
  return redirects || headers || Number(other.methods.length > 0) - Number(one.methods.length > 0)
}
