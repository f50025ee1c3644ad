import { InvalidValue } from '../../../config/error.ts'
import { parseRouteHost } from '../../../config/host.ts'
import { parsePath } from '../../../config/path.ts'
import { anchored, hasNamedPattern, hostExpression, pathExpression } from './patterns.ts'
import type { Requirements } from './requirements.ts'
import type { Matcher } from './rule.ts'

type Conditions = Partial<Requirements>

const pathInstead = 'write Path(`/exactly/this`) or PathPrefix(`/this`), or PathRegexp(`^/this`)'
const hostInstead = 'write Host(`www.example.org`), or Host(`*.example.org`) for every name below it'
const headerInstead = 'write Header(`name`, `value`) with the exact value'

/** The matchers of Traefik 2 and 3 in lower case, as what a route says, or what to write instead. */
const kinds: Readonly<Record<string, ((values: readonly string[]) => Conditions) | string>> = {
  host: (hosts) => ({ hosts: hosts.map(parseHost) }),
  hostheader: (hosts) => ({ hosts: hosts.map(parseHost) }),
  hostregexp: (patterns) => ({ hosts: patterns.flatMap(parseHostPattern) }),
  path: (paths) => ({ paths: paths.map(parseExactPath) }),
  pathprefix: (paths) => ({ paths: paths.flatMap(parsePrefix) }),
  method: (methods) => ({ methods: methods.map((method) => method.toUpperCase()) }),
  header,
  headers: header,
  pathregexp: (patterns) => ({ paths: patterns.map((pattern) => expressible(pattern, pathInstead, pathExpression)) }),
  headerregexp: headerInstead,
  headersregexp: headerInstead,
  query: parseQuery,
  queryregexp: 'write Query(`name`, `value`) with the exact value',
  clientip: 'routes do not look at the address of the client: use a listener of its own, or a firewall',
  hostsni: 'HostSNI belongs to routers of TCP: write Host(`www.example.org`)',
  hostsniregexp: 'HostSNIRegexp belongs to routers of TCP: write Host(`www.example.org`)',
  alpn: 'ALPN belongs to routers of TCP',
}

export const matchers = new Map(Object.entries(kinds))

/**
 * What a matcher requires of a request; an InvalidValue if no route can say it.
 *
 * @throws InvalidValue where it is none of Traefik's, or a value is not valid
 */
export function matched({ name, values }: Matcher): Requirements | InvalidValue {
  const matcher = matchers.get(name.toLowerCase())
  if (matcher === undefined)
    throw new InvalidValue(`a matcher such as Host, Path, PathPrefix, Method or Header, not ${name}`)
  if (typeof matcher === 'string') return new InvalidValue(`a rule without ${name}`, matcher)
  if (values.length === 0) throw new InvalidValue(`a value in ${name}()`)
  try {
    return { hosts: [], paths: [], methods: [], headers: {}, ...matcher(values) }
  } catch (error) {
    if (error instanceof InexpressiblePattern)
      return new InvalidValue(`no pattern in ${name}(\`${error.message}\`)`, error.hint)
    if (!(error instanceof InvalidValue)) throw error
    throw new InvalidValue(`${error.expected} in ${name}(\`${values.join('`, `')}\`)`, error.hint)
  }
}

/** A value that Traefik reads as a pattern. */
class InexpressiblePattern extends Error {
  readonly hint: string

  constructor(pattern: string, hint: string) {
    super(pattern)
    this.hint = hint
  }
}

/** `**.example.org` of Traefik 3 is what `*.example.org` is to Limpet. */
function parseHost(host: string): string {
  return parseRouteHost(host.replace(/^\*\*\./, '*.'))
}

/** A pattern that every host matches is what routers that redirect everything to HTTPS have: no host is required. */
function parseHostPattern(pattern: string): string[] {
  if (/^(?:\{[\w-]+:\.[+*]\}|\^?\.[+*]\$?)$/.test(pattern)) return []
  return [expressible(pattern, hostInstead, hostExpression)]
}

function parseExactPath(path: string): string {
  if (hasNamedPattern(path)) return expressible(path, pathInstead, (text) => pathExpression(anchored(text, '$')))
  refusePattern(path)
  return parsePath(path)
}

/** Whole segments only: Traefik's `PathPrefix(/api)` matches `/apix`, too, which is never meant. */
function parsePrefix(prefix: string): string[] {
  if (hasNamedPattern(prefix))
    return [
      expressible(prefix, pathInstead, (text) => pathExpression(anchored(text, text.endsWith('/') ? '' : '(?:/|$)'))),
    ]
  refusePattern(prefix)
  const path = parsePath(prefix)
  return path.endsWith('/') ? [`${path}*`] : [path, `${path}/*`]
}

/** Traefik 2 has patterns in braces; a star stands for itself in Traefik, but for a prefix in Limpet. */
function refusePattern(path: string): void {
  if (/[{}*]/.test(path)) throw new InexpressiblePattern(path, pathInstead)
}

/** What `parse` makes of a pattern; refused where that is no valid value of a route. */
function expressible(pattern: string, hint: string, parse: (pattern: string) => string): string {
  try {
    return parse(pattern)
  } catch (error) {
    if (error instanceof InvalidValue) throw new InexpressiblePattern(pattern, error.hint ?? hint)
    throw error
  }
}

/** `Query(name)` and `Query(name, value)` of Traefik 3; `Query(name=value, …)` of Traefik 2, where an empty value stands for any. */
function parseQuery(values: readonly string[]): Conditions {
  const [name = '', value] = values
  if (!name.includes('=')) {
    if (values.length > 2) throw new InvalidValue('a name and a value')
    return { query: { [name]: value ?? true } }
  }
  const pairs = values.map((pair) => /^([^=]+)=(.*)$/s.exec(pair))
  if (pairs.includes(null)) throw new InvalidValue('pairs such as name=value')
  return { query: Object.fromEntries(pairs.map((pair) => [pair![1]!, pair![2]! || true])) }
}

function header(values: readonly string[]): Conditions {
  const [name, value] = values
  if (name === undefined || value === undefined || values.length > 2) throw new InvalidValue('a name and a value')
  return { headers: { [name.toLowerCase()]: value } }
}
