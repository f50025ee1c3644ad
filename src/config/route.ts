import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { oneOrMore, text, uniqueList } from './field.ts'
import { Filter } from './filter.ts'
import { HeaderFields, token } from './header-fields.ts'
import { parseRouteHost } from './host.ts'
import { parsePath } from './path.ts'

function parseMethod(method: string): string {
  if (!token.test(method)) throw new InvalidValue('an HTTP method such as GET')
  if (/[a-z]/.test(method)) throw new InvalidValue('an HTTP method in capitals', `write ${method.toUpperCase()}`)
  return method
}

/** A route as the program holds it. Empty `hosts`, `methods` and `headers` match everything. */
export interface Route {
  /** Each is `/exactly/this`, or `/this/*` for all paths below `/this/`. */
  paths: string[]
  /** Lower case, without a port: `www.example.org`, or `*.example.org` for every name below it. */
  hosts: string[]
  methods: string[]
  /** Lower-case name to the exact value. */
  headers: Record<string, string>
  /** What the route does to requests and responses, in order. */
  filters: Filter[]
  /** The name of an upstream. Absent: its filters answer every request. */
  upstream?: string
}

const RouteFields = z.strictObject({
  path: oneOrMore(text(parsePath, 'a path'), 'a path').describe(
    'One path or a list: `/exactly/this`, or `/this/*` for all paths below `/this/`. Matches the normalised path.',
  ),
  host: z
    .exactOptional(oneOrMore(text(parseRouteHost, 'a host'), 'a host'))
    .describe('One host or a list: `www.example.org`, or `*.example.org` for every name below it. Default: any host.'),
  methods: z
    .exactOptional(uniqueList(text(parseMethod, 'an HTTP method')))
    .describe('The methods, such as [GET, HEAD]. Default: any method.'),
  headers: z
    .exactOptional(HeaderFields)
    .describe('Headers that the request must have, with exactly these values. Default: none.'),
  filters: z
    .exactOptional(z.array(Filter))
    .describe('What the route does to requests and responses, in order. Default: it passes them on.'),
  upstream: z
    .exactOptional(z.string('the name of an upstream'))
    .describe('The name of the upstream that serves the route. May be left out if a filter answers every request.'),
})

/** One entry of `routes`. */
export const Route = z.codec(RouteFields, z.custom<Route>(), {
  decode: ({ path, host = [], methods = [], headers = {}, filters = [], upstream }) => ({
    paths: path,
    hosts: host,
    methods,
    headers,
    filters,
    ...(upstream !== undefined && { upstream }),
  }),
  encode: ({ paths, hosts, methods, headers, filters, upstream }) => ({
    path: paths,
    ...(hosts.length > 0 && { host: hosts }),
    ...(methods.length > 0 && { methods }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(filters.length > 0 && { filters }),
    ...(upstream !== undefined && { upstream }),
  }),
})
