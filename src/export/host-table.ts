import { bySpecificity, isConditional, type Route } from './route.ts'

/** The routes that share one nginx location, the most specific first; at most the last one is unconditional. */
export interface Location {
  /** Whether it matches only this path, or all paths that start with it. */
  readonly exact: boolean
  /** `/exactly/this`, or `/this/` with a slash for all paths below. */
  readonly path: string
  readonly routes: readonly Route[]
}

/** The hosts that routes name, and undefined for all other hosts. Each becomes a `server` of nginx. */
export function hostsOf(routes: readonly Route[]): (string | undefined)[] {
  const named = [...new Set(routes.map(({ host }) => host))].filter((host) => host !== undefined)
  return [undefined, ...named]
}

/**
 * The locations of a host. A request that no route of a host matches falls through to less specific hosts (see
 * routing/router.ts). nginx picks one `server` and stays there, so each host also has the locations of its less specific hosts.
 */
export function locationsOf(host: string | undefined, routes: readonly Route[]): Location[] {
  const levels = levelsOf(host, routes).map((level) => routes.filter((route) => route.host === level))
  const paths = levels.flat().map(({ path }) => path)
  const prefixes = new Set(['/', ...paths.filter(isPrefix).map(prefixOf)])
  const exacts = new Set(paths.filter((path) => !isPrefix(path)))
  return [
    ...[...exacts].sort().map((path) => ({ exact: true, path, routes: candidates(levels, path, true) })),
    ...[...prefixes].sort().map((path) => ({ exact: false, path, routes: candidates(levels, path, false) })),
  ]
}

/** The host and all less specific hosts that also match it, down to undefined for any host. */
function levelsOf(host: string | undefined, routes: readonly Route[]): (string | undefined)[] {
  if (host === undefined) return [undefined]
  const wildcards = hostsOf(routes).filter((other) => other?.startsWith('*.') && other !== host)
  const name = host.startsWith('*.') ? host.slice(1) : host
  const matching = wildcards.filter((wildcard) => name.endsWith(wildcard!.slice(1)))
  return [host, ...matching.sort((one, other) => other!.length - one!.length), undefined]
}

function candidates(levels: readonly Route[][], path: string, exact: boolean): Route[] {
  const ordered = levels.flatMap((level) => [
    ...(exact ? level.filter((route) => route.path === path).sort(bySpecificity) : []),
    ...level.filter((route) => isPrefix(route.path) && path.startsWith(prefixOf(route.path))).sort(byPrefix),
  ])
  const last = ordered.findIndex((route) => !isConditional(route))
  return last < 0 ? ordered : ordered.slice(0, last + 1)
}

function byPrefix(one: Route, other: Route): number {
  return other.path.length - one.path.length || bySpecificity(one, other)
}

function isPrefix(path: string): boolean {
  return path.endsWith('/*')
}

function prefixOf(path: string): string {
  return path.slice(0, -1)
}
