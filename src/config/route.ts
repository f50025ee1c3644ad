import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { matching, oneOrMore, Size, text, uniqueList, whole } from './field.ts'
import { Filter } from './filter.ts'
import { HeaderFields, token } from './header-fields.ts'
import { parseRouteHost } from './host.ts'
import { parsePath } from './path.ts'
import { RequiredValues } from './required-values.ts'
import { RouteRetries, RouteTimeouts } from './upstream.ts'

function parseMethod(method: string): string {
  if (!token.test(method)) throw new InvalidValue('an HTTP method such as GET')
  if (/[a-z]/.test(method)) throw new InvalidValue('an HTTP method in capitals', `write ${method.toUpperCase()}`)
  return method
}

/** A route as the program holds it. Empty lists and mappings match everything. */
export interface Route {
  /** As in `Route` of the Snapshot, in Unicode. */
  paths: string[]
  hosts: string[]
  methods: string[]
  /** Lower-case name to the exact value. */
  headers: Record<string, string>
  query: z.output<typeof RequiredValues>
  cookies: z.output<typeof RequiredValues>
  /** Names, ports or addresses of listeners. */
  listeners: (string | number)[]
  clientCertificate?: z.output<typeof RequiredCertificate>
  priority: number
  bodyLimit?: number
  timeouts?: z.output<typeof RouteTimeouts>
  retries?: z.output<typeof RouteRetries>
  /** What the route does to requests and responses, in order. */
  filters: Filter[]
  /** The name of an upstream. Absent: its filters answer every request. */
  upstream?: string
  /** The source whose labels describe it: `docker`. Absent: it is written in the file. */
  source?: string
}

const said = z.exactOptional(matching(/^[ -~]+$/, 'printable ASCII'))

const RequiredCertificate = z.union(
  [
    z.boolean(),
    z
      .strictObject({
        subject: said.describe('Its subject, as servers get it: `CN=alice,O=Example`.'),
        issuer: said.describe('Its issuer, in the same form.'),
        serial: said.describe('Its serial number, in lower-case hexadecimal digits.'),
        fingerprint: said.describe('The SHA-256 of the certificate, in lower-case hexadecimal digits.'),
      })
      .refine((required) => Object.keys(required).length > 0, {
        error: 'at least one of subject, issuer, serial and fingerprint',
        when: ({ issues }) => issues.length === 0,
      }),
  ],
  'true, false, or settings such as { subject: "CN=alice" }',
)

const RouteFields = z.strictObject({
  path: oneOrMore(text(parsePath, 'a path'), 'a path').describe(
    'One path or a list: `/exactly/this`, `/this/*` for all paths below `/this/`, `/this*` for all that begin like that, `/:name/` for any segment, or `~ ^/this` for a regular expression. Matches the normalised path.',
  ),
  host: z
    .exactOptional(oneOrMore(text(parseRouteHost, 'a host'), 'a host'))
    .describe(
      'One host or a list: `www.example.org`, `*.example.org` for every name below it, `.example.org` for both, `www.example.*`, or `~ ^www` for a regular expression. Default: any host.',
    ),
  methods: z
    .exactOptional(uniqueList(text(parseMethod, 'an HTTP method')))
    .describe('The methods, such as [GET, HEAD]. Default: any method.'),
  headers: z
    .exactOptional(HeaderFields)
    .describe('Headers that the request must have, with exactly these values. Default: none.'),
  query: z
    .exactOptional(RequiredValues)
    .describe('Parameters that the query must have, with exactly these values, or `true` for any. Default: none.'),
  cookies: z
    .exactOptional(RequiredValues)
    .describe('Cookies that the request must have, with exactly these values, or `true` for any. Default: none.'),
  listener: z
    .exactOptional(
      oneOrMore(
        z.union([z.string().min(1, 'the name of a listener'), whole(1, 65_535)], 'a listener'),
        'the name, the address or the port of a listener',
      ),
    )
    .describe('The listeners that the request may come by: names, ports or addresses. Default: any.'),
  clientCertificate: z
    .exactOptional(RequiredCertificate)
    .describe('Whether the client must have shown a valid certificate, or what that must say. Default: either.'),
  priority: z
    .exactOptional(whole(-1000, 1000))
    .describe('Of routes that match, those of the highest priority come first, before the most specific. Default: 0.'),
  bodyLimit: z.exactOptional(Size).describe('The maximum size of a request body. Default: limits.bodySize.'),
  timeouts: z.exactOptional(RouteTimeouts).describe('Timeouts of the server. Default: those of the upstream.'),
  retries: z
    .exactOptional(RouteRetries)
    .describe('How often a failed request is retried on another server. Default: as the upstream says.'),
  filters: z
    .exactOptional(z.array(Filter))
    .describe('What the route does to requests and responses, in order. Default: it passes them on.'),
  upstream: z
    .exactOptional(z.string('the name of an upstream'))
    .describe('The name of the upstream that serves the route. May be left out if a filter answers every request.'),
})

/** One entry of `routes`. */
export const Route = z.codec(RouteFields, z.custom<Route>(), {
  decode: ({
    path,
    host = [],
    methods = [],
    headers = {},
    query = {},
    cookies = {},
    listener = [],
    priority = 0,
    filters = [],
    ...rest
  }) => ({
    paths: path,
    hosts: [...new Set(host.flatMap(withNamesBelow))],
    methods,
    headers,
    query,
    cookies,
    listeners: listener,
    priority,
    filters,
    ...rest,
  }),
  encode: ({ paths, hosts, methods, headers, query, cookies, listeners, priority, filters, source: _, ...rest }) => ({
    path: paths,
    ...(hosts.length > 0 && { host: hosts }),
    ...(methods.length > 0 && { methods }),
    ...(isSome(headers) && { headers }),
    ...(isSome(query) && { query }),
    ...(isSome(cookies) && { cookies }),
    ...(listeners.length > 0 && { listener: listeners }),
    ...(priority !== 0 && { priority }),
    ...(filters.length > 0 && { filters }),
    ...rest,
  }),
})

/** `.example.org` is `example.org` and `*.example.org`. */
function withNamesBelow(host: string): string[] {
  return host.startsWith('.') ? [host.slice(1), `*${host}`] : [host]
}

function isSome(mapping: object): boolean {
  return Object.keys(mapping).length > 0
}
