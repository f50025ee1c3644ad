import { compareExpressions, expressionIn } from '../routing/expression.ts'
import { LinearPattern } from '../runtime/linear-pattern.ts'
import { bySpecificity, isConditional, type Route } from './route.ts'

/** The routes that share one nginx location, the most specific first; at most the last one is unconditional. */
export interface Location {
  /** Whether it matches only this path, or all paths that start with it. */
  readonly exact: boolean
  /** `/exactly/this`, or what all paths begin with. */
  readonly path: string
  readonly routes: readonly Route[]
  /** The regular expressions that are tried first, of paths that begin like that. */
  readonly expressions: readonly RouteExpression[]
}

/** A route whose path is a regular expression. */
export interface RouteExpression {
  readonly source: string
  readonly route: Route
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
  const expressions = levels.flat().flatMap(expressionOf).sort(byBeginning)
  const paths = levels
    .flat()
    .map(({ path }) => path)
    .filter((path) => expressionIn(path) === undefined)
  const prefixes = new Set(['/', ...paths.filter(isPrefix).map(prefixOf)])
  const exacts = new Set(paths.filter((path) => !isPrefix(path)))
  return [
    ...[...exacts]
      .sort()
      .map((path) => ({ exact: true, path, routes: candidates(levels, path, true), expressions: [] })),
    ...[...prefixes].sort().map((path) => ({
      exact: false,
      path,
      routes: candidates(levels, path, false),
      // Where a longer prefix matches, that covers more of the path than the others begin with.
      expressions: expressions.filter(({ beginning }) => longestOf(prefixes, beginning) === path),
    })),
  ]
}

interface Expression extends RouteExpression {
  readonly beginning: string
}

function expressionOf(route: Route): Expression[] {
  const source = expressionIn(route.path)
  // All paths begin with a slash.
  return source === undefined ? [] : [{ source, route, beginning: asText(new LinearPattern(source).beginning) || '/' }]
}

/** One character a byte → Unicode. */
function asText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString()
}

function byBeginning(one: Expression, other: Expression): number {
  return other.beginning.length - one.beginning.length || compareExpressions(one.source, other.source)
}

/** The longest prefix that a text begins with. */
function longestOf(prefixes: ReadonlySet<string>, text: string): string | undefined {
  return [...prefixes].filter((prefix) => text.startsWith(prefix)).sort((a, b) => b.length - a.length)[0]
}

/** The host and all less specific hosts that also match it, down to undefined for any host. */
function levelsOf(host: string | undefined, routes: readonly Route[]): (string | undefined)[] {
  if (host === undefined) return [undefined]
  const others = hostsOf(routes).filter((other) => other !== undefined && other !== host)
  const name = host.replace(/^\*|\*$/, '')
  const matching = [
    ...others.filter((other) => other!.startsWith('*.') && name.endsWith(other!.slice(1))).sort(byLength),
    ...others.filter((other) => other!.endsWith('.*') && name.startsWith(other!.slice(0, -1))).sort(byLength),
  ]
  return [host, ...matching, undefined]
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

function byLength(one = '', other = ''): number {
  return other.length - one.length
}

function isPrefix(path: string): boolean {
  return path.endsWith('*') && expressionIn(path) === undefined
}

function prefixOf(path: string): string {
  return path.slice(0, -1)
}
