import type { LinearPattern } from '../runtime/linear-pattern.ts'
import type { Route } from '../runtime/snapshot.ts'
import { patternIn } from './expression.ts'
import { hasParameters, isParameter } from './path-form.ts'

/** What the parameters of a route's path, and the named groups of its regular expressions, stand for in a request; one character a byte. */
export type Parameters = Readonly<Record<string, string>>

const NONE: Parameters = Object.freeze({})

type Read = (path: string, host: string) => Parameters

const readNone: Read = () => NONE

/** Made when they are first asked for: most routes have no parameters, or nobody wants them. */
const readers = new WeakMap<Route, Read>()

/**
 * The parameters of a request that the route has matched. Groups of a regular expression also have their numbers: `1`, `2`…, those of
 * the path where both host and path have some.
 *
 * @param path in normal form: see `normalisePath`
 * @param host in normal form: see `normaliseHost`. Not needed by routes whose host is not a regular expression
 */
export function parametersOf(route: Route, path: string, host = ''): Parameters {
  let read = readers.get(route)
  if (read === undefined) {
    read = readerOf(route)
    readers.set(route, read)
  }
  return read(path, host)
}

function readerOf({ path: written, host: writtenHost }: Route): Read {
  const ofPath = readerOfPath(written)
  const pattern = patternIn(writtenHost ?? '')
  if (pattern === undefined) return ofPath === undefined ? readNone : (path) => ofPath(path)
  const ofHost = groupsOf(pattern)
  return (path, host) => ({ ...ofHost(host), ...ofPath?.(path) })
}

function readerOfPath(written: string): ((path: string) => Parameters) | undefined {
  const pattern = patternIn(written)
  if (pattern !== undefined) return groupsOf(pattern)
  if (!hasParameters(written)) return undefined
  const segments = written.split('/')
  const names = segments.flatMap((segment, index) => (isParameter(segment) ? [[segment.slice(1), index] as const] : []))
  return (path) => {
    const values = path.split('/', segments.length)
    return Object.fromEntries(names.map(([name, index]) => [name, values[index] ?? '']))
  }
}

function groupsOf(pattern: LinearPattern): (text: string) => Parameters {
  const keys = Array.from({ length: pattern.groups }, (_, index) => [String(index + 1), index + 1] as const)
  const all = [...keys, ...pattern.names]
  if (all.length === 0) return () => NONE
  return (text) => {
    const { groups } = pattern.match(text) ?? { groups: [] }
    return Object.fromEntries(all.map(([key, number]) => [key, groups[number] ?? '']))
  }
}
