import { InvalidValue } from '../../../config/error.ts'
import { parseRouteHost } from '../../../config/host.ts'
import { parsePath } from '../../../config/path.ts'
import type { Requirements } from './requirements.ts'
import type { Matcher } from './rule.ts'

type Conditions = Partial<Requirements>

const pathInstead = 'write Path(`/exactly/this`) or PathPrefix(`/this`)'
const hostInstead = 'write Host(`www.example.org`), or Host(`*.example.org`) for every name below it'
const headerInstead = 'write Header(`name`, `value`) with the exact value'

/** The matchers of Traefik 2 and 3 in lower case, as what a route says, or what to write instead. */
const kinds: Readonly<Record<string, ((values: readonly string[]) => Conditions) | string>> = {
  host: (hosts) => ({ hosts: hosts.map(parseHost) }),
  hostheader: (hosts) => ({ hosts: hosts.map(parseHost) }),
  hostregexp: anyHost,
  path: (paths) => ({ paths: paths.map(parseExactPath) }),
  pathprefix: (paths) => ({ paths: paths.flatMap(parsePrefix) }),
  method: (methods) => ({ methods: methods.map((method) => method.toUpperCase()) }),
  header,
  headers: header,
  pathregexp: pathInstead,
  headerregexp: headerInstead,
  headersregexp: headerInstead,
  query: 'routes do not look at the query: use a path or a header',
  queryregexp: 'routes do not look at the query: use a path or a header',
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

/** A pattern that every host matches is what routers that redirect everything to HTTPS have. */
function anyHost(patterns: readonly string[]): Conditions {
  const pattern = patterns.find((pattern) => !/^(?:\{[\w-]+:\.[+*]\}|\^?\.[+*]\$?)$/.test(pattern))
  if (pattern !== undefined) throw new InexpressiblePattern(pattern, hostInstead)
  return {}
}

function parseExactPath(path: string): string {
  refusePattern(path)
  return parsePath(path)
}

/** Whole segments only: Traefik's `PathPrefix(/api)` matches `/apix`, too, which is never meant. */
function parsePrefix(prefix: string): string[] {
  refusePattern(prefix)
  const path = parsePath(prefix)
  return path.endsWith('/') ? [`${path}*`] : [path, `${path}/*`]
}

/** Traefik 2 has patterns in braces; a star stands for itself in Traefik, but for a prefix in Limpet. */
function refusePattern(path: string): void {
  if (/[{}*]/.test(path)) throw new InexpressiblePattern(path, pathInstead)
}

function header(values: readonly string[]): Conditions {
  const [name, value] = values
  if (name === undefined || value === undefined || values.length > 2) throw new InvalidValue('a name and a value')
  return { headers: { [name.toLowerCase()]: value } }
}
