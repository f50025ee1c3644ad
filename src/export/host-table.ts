import { bySpecificity, isConditional, type Route } from './route.ts'

/** The routes that one location of nginx stands for, the most specific first; at most the last is unconditional. */
export interface Place {
  /** Whether it is for this path only, or for all that begin with it. */
  readonly exact: boolean
  /** `/exactly/this`, or `/this/` with the slash for all below. */
  readonly path: string
  readonly routes: readonly Route[]
}

/** The hosts that routes name, and undefined for every other one: each is a `server` of nginx. */
export function hostsOf(routes: readonly Route[]): (string | undefined)[] {
  const named = [...new Set(routes.map(({ host }) => host))].filter((host) => host !== undefined)
  return [undefined, ...named]
}

/**
 * What each path means on a host. A request that a host's own routes do not want goes on to the less specific hosts
 * (see routing/router.ts), while nginx picks one `server` for good; so each host has the places of all of these.
 */
export function placesOf(host: string | undefined, routes: readonly Route[]): Place[] {
  const levels = levelsOf(host, routes).map((level) => routes.filter((route) => route.host === level))
  const paths = levels.flat().map(({ path }) => path)
  const prefixes = new Set(['/', ...paths.filter(isPrefix).map(prefixOf)])
  const exacts = new Set(paths.filter((path) => !isPrefix(path)))
  return [
    ...[...exacts].sort().map((path) => ({ exact: true, path, routes: candidates(levels, path, true) })),
    ...[...prefixes].sort().map((path) => ({ exact: false, path, routes: candidates(levels, path, false) })),
  ]
}

/** The host and all less specific ones that match what it matches, down to undefined for any. */
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
