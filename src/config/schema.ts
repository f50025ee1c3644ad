import { z } from 'zod'
import { MAX_QUEUED, MAX_SERVERS, MAX_WORKERS } from '../runtime/bounds.ts'
import type { Endpoint, Listener as HeldListener } from '../runtime/snapshot.ts'
import { formatAddress, parseAddress } from './address.ts'
import { Admin } from './admin.ts'
import { Affinity } from './affinity.ts'
import { ClientAddressFrom, ProxyProtocolIn, ProxyProtocolOut, TrustedProxies } from './client-address.ts'
import { InvalidValue } from './error.ts'
import {
  boundedSize,
  Count,
  Duration,
  differing,
  durationFrom,
  Mode,
  matching,
  oneOrMore,
  Size,
  text,
  whole,
  written,
} from './field.ts'
import { HashKeyText } from './hash-key.ts'
import { HeaderFields, token } from './header-fields.ts'
import { Health } from './health.ts'
import { parseListenAddress, parseRouteHost } from './host.ts'
import { Instance } from './instance.ts'
import { formatMode } from './mode.ts'
import { parsePath } from './path.ts'
import { Skew } from './skew.ts'
import { formatUnixSocket, isUnixSocket, parseUnixSocket } from './unix-socket.ts'

/**
 * The schema of `limpet.yaml`. Every part decodes what the file says to a part of the Config, with its defaults, and
 * encodes a Config to a file that says the same. An error text here is a phrase that continues "expected …".
 */

export const Port = whole(0, 65_535)
export const Workers = whole(1, MAX_WORKERS)

const ListenerFields = z
  .strictObject({
    address: text(parseListenAddress, 'an address to listen on')
      .prefault('0.0.0.0')
      .describe('Where clients arrive: IPv4, IPv6 or a name, or unix:/path/of/a/socket. `::` takes both families.'),
    port: z.exactOptional(Port).describe('The port on which clients arrive. 0 takes any free one. Default: 80.'),
    mode: z.exactOptional(Mode).describe('Who may connect to a Unix socket: its permissions. Default: 0660.'),
    proxyProtocol: ProxyProtocolIn,
  })
  .check(({ value, issues }) => {
    const [key, message] = isUnixSocket(value.address)
      ? (['port', 'no port, since a Unix socket has none'] as const)
      : (['mode', 'no mode, since only a Unix socket has one'] as const)
    if (value[key] === undefined) return
    const input = key === 'mode' ? formatMode(value[key]) : value[key]
    issues.push({ code: 'custom', message, path: [key], input })
  })

/** One entry of `listeners`. */
export const Listener = z.codec(ListenerFields, z.custom<HeldListener>(), {
  decode: ({ address, port = 80, mode = 0o660, proxyProtocol }) =>
    isUnixSocket(address) ? { path: parseUnixSocket(address), mode, proxyProtocol } : { address, port, proxyProtocol },
  encode: (listener) => {
    if (!('path' in listener)) return listener
    const { path, ...rest } = listener
    return { address: formatUnixSocket(path), ...rest }
  },
})

function parseMethod(method: string): string {
  if (!token.test(method)) throw new InvalidValue('an HTTP method such as GET')
  if (/[a-z]/.test(method)) throw new InvalidValue('an HTTP method in capitals', `write ${method.toUpperCase()}`)
  return method
}

/** A route as the program holds it. Empty `hosts`, `methods` and `headers` match everything. */
export interface Route {
  /** Each `/exactly/this`, or `/this/*` for all below `/this/`. */
  paths: string[]
  /** Lower case, without a port: `www.example.org`, or `*.example.org` for every name below it. */
  hosts: string[]
  methods: string[]
  /** Lower-case name to the exact value. */
  headers: Record<string, string>
  /** The name of an upstream. */
  upstream: string
}

const RouteFields = z.strictObject({
  path: oneOrMore(text(parsePath, 'a path'), 'a path').describe(
    'The path, or a list: `/exactly/this`, or `/this/*` for all below `/this/`. Matched on the normalised path.',
  ),
  host: z
    .exactOptional(oneOrMore(text(parseRouteHost, 'a host'), 'a host'))
    .describe('The host, or a list: `www.example.org`, or `*.example.org` for every name below it. Left out: any.'),
  methods: z
    .exactOptional(differing(text(parseMethod, 'an HTTP method')))
    .describe('The methods, such as [GET, HEAD]. Left out: any.'),
  headers: z
    .exactOptional(HeaderFields)
    .describe('Headers that the request must have, with exactly these values. Left out: any.'),
  upstream: z.string('the name of an upstream').describe('The name of the upstream that serves the route.'),
})

/** One entry of `routes`. */
export const Route = z.codec(RouteFields, z.custom<Route>(), {
  decode: ({ path, host = [], methods = [], headers = {}, upstream }) => ({
    paths: path,
    hosts: host,
    methods,
    headers,
    upstream,
  }),
  encode: ({ paths, hosts, methods, headers, upstream }) => ({
    path: paths,
    ...(hosts.length > 0 && { host: hosts }),
    ...(methods.length > 0 && { methods }),
    ...(Object.keys(headers).length > 0 && { headers }),
    upstream,
  }),
})

const Key = HashKeyText.describe('What is hashed: address, uri, path, header:NAME, cookie:NAME or query:NAME.')

const boundedLoad = 'a number from 1.05 to 10'
const shortestDecay = 100

/** The settings of each balancing policy. A new policy is one entry. */
const policies = [
  z.strictObject({ type: z.literal('round-robin').describe('In turn, by weight (smooth weighted round robin).') }),
  z.strictObject({ type: z.literal('ip-hash').describe("By the client's address, as nginx's ip_hash does.") }),
  z.strictObject({ type: z.literal('hash').describe("By a key, as nginx's hash does."), key: Key }),
  z.strictObject({
    type: z.literal('consistent-hash').describe("By a key on a ring, as nginx's hash … consistent does."),
    key: Key,
    boundedLoad: z
      .exactOptional(z.number(boundedLoad).min(1.05, boundedLoad).max(10, boundedLoad))
      .describe('The most that a server may have in hand, as a multiple of the mean. Left out: any number.'),
  }),
  z.strictObject({ type: z.literal('least-connections').describe('The fewest requests in hand, by weight.') }),
  z.strictObject({
    type: z.literal('random-two').describe('Of two at random, by weight, the one with fewer requests in hand.'),
  }),
  z.strictObject({
    type: z.literal('least-time').describe('The shortest time to an answer × requests in hand (peak EWMA), by weight.'),
    decay: durationFrom(shortestDecay)
      .prefault('10s')
      .describe("The time in which an answer's time loses all but 37 % of its weight."),
  }),
] as const

const BalanceSettings = z.discriminatedUnion('type', policies)
const BalanceName = z.codec(
  z.enum(policies.map((policy) => policy.shape.type.value)),
  z.custom<z.output<typeof BalanceSettings>>(),
  { decode: (type) => z.decode(BalanceSettings, { type }), encode: ({ type }) => type },
)
const Balance = z.union([BalanceSettings, BalanceName], 'the name of a policy, or its settings')

/** A server as the program holds it. */
export interface Server {
  /** Its identity, unique in its upstream. */
  name: string
  /** As it stands in logs: `172.17.0.2:80`, `[::1]:80`, `unix:/run/app.sock`. */
  address: string
  endpoint: Endpoint
  weight: number
  /** Serves only when no other server may. */
  backup: boolean
  /** Taken out by the operator. */
  down: boolean
  /** Serves only the sessions that it already has. */
  drain: boolean
  /** Failures within `failTimeout` that take it out for `failTimeout`; 0 never does. */
  maxFails: number
  /** Milliseconds. */
  failTimeout: number
  /** Requests that it may have in hand; 0 is no limit. */
  maxConnections: number
  /** Milliseconds. */
  slowStart: number
}

const ServerAddress = written(z.string('host:port'), parseAddress, formatAddress)

const ServerFields = z.strictObject({
  name: z
    .exactOptional(matching(/^(?:[\w.:[\]-]+|unix:\/[\w./@+-]+)$/, 'a name of letters, digits and . _ - : [ ]'))
    .describe('Its identity in logs and sessions, unique in the upstream. Default: its address.'),
  address: ServerAddress.describe(
    'host:port: a name, an IPv4 address, or an IPv6 address in brackets; port 80 if left out. Or unix:/path/of/a/socket.',
  ),
  weight: whole(1, 65_535).prefault(1).describe('Its share of the requests, against the other weights.'),
  backup: z.boolean().prefault(false).describe('Serves only when no other server may.'),
  down: z.boolean().prefault(false).describe('Taken out by hand.'),
  drain: z.boolean().prefault(false).describe('Serves only the sessions that it already has, and no new ones.'),
  maxFails: whole(0, 65_535)
    .prefault(1)
    .describe('Failures within failTimeout that take it out for failTimeout. 0: never.'),
  failTimeout: Duration.prefault('10s').describe('How long failures count, and how long the server is then suspended.'),
  maxConnections: Count.prefault('unlimited').describe('Requests that it may have in hand, of all workers together.'),
  slowStart: Duration.prefault('0s').describe(
    'How long its weight takes to grow to the whole once it serves again after it was out. 0: no time.',
  ),
})

const DetailedServer = z.codec(ServerFields, z.custom<Server>(), {
  decode: ({ name, address, ...rest }) => {
    const written = formatAddress(address)
    return { name: name ?? written, address: written, endpoint: address, ...rest }
  },
  encode: ({ endpoint, ...rest }) => ({ ...rest, address: endpoint }),
})

const ServerByAddress = z.codec(ServerAddress, z.custom<Server>(), {
  decode: (address) => z.decode(DetailedServer, { address: formatAddress(address) }),
  encode: ({ endpoint }) => endpoint,
})

/** One entry of an upstream's `servers`: its address, or its settings. */
export const Server = z.union([DetailedServer, ServerByAddress], 'host:port, or a mapping with an address')

const upstreamTimeouts = z.strictObject({
  connect: Duration.prefault('5s').describe('How long a connection may take to open.'),
  firstByte: Duration.prefault('60s').describe('From the end of the request to the first byte of the response.'),
  idle: Duration.prefault('60s').describe('The longest silence in the middle of a message.'),
  tunnel: Duration.prefault('1h').describe('The longest silence on a WebSocket or another upgraded connection.'),
})

const retries = z.strictObject({
  tries: whole(1, MAX_SERVERS).prefault(10).describe('Servers that one request may be sent to, the first included.'),
  within: Duration.prefault('10s').describe('No further try starts once the request is this old.'),
})

const keepAlive = z.strictObject({
  connections: whole(0, 65_535).prefault(64).describe('Idle connections kept to each server, by each worker. 0: none.'),
  idle: Duration.prefault('60s').describe('How long an idle connection is kept.'),
  requestsPerConnection: Count.prefault('unlimited').describe('Requests on one connection before it is closed.'),
  maxAge: Duration.prefault('1h').describe('How old a connection may be to serve another request. 0: any age.'),
})

const queue = z.strictObject({
  size: whole(0, MAX_QUEUED)
    .prefault(1000)
    .describe('Requests that may wait, of all workers together. 0: none; then they are answered 503 at once.'),
  timeout: Duration.prefault('5s').describe('How long one may wait. 0: no limit.'),
})

const UpstreamFields = z.strictObject({
  balance: Balance.prefault('round-robin').describe('How a server is picked: the name of a policy, or its settings.'),
  affinity: z
    .exactOptional(Affinity)
    .describe('How sessions stay on their servers: the name of a kind, or its settings. Left out: by balance alone.'),
  skew: z
    .exactOptional(Skew)
    .describe('When one address or network carries too much, where servers are picked by address.'),
  servers: z.array(Server).min(1, 'at least one server').describe('The servers, each by its address or its settings.'),
  timeouts: upstreamTimeouts.prefault({}).describe('How long a server may take. 0: no limit.'),
  retries: retries.prefault({}).describe('How often a failed request is tried on another server.'),
  keepAlive: keepAlive.prefault({}).describe('Idle connections kept open to the servers.'),
  health: z.exactOptional(Health).describe('How it is found out which servers are well, beyond maxFails.'),
  proxyProtocol: ProxyProtocolOut,
  queue: queue.prefault({}).describe('Requests that wait while servers have all that they may (maxConnections).'),
})

/** An upstream as the program holds it. */
export type Upstream = { name: string } & z.output<typeof UpstreamFields>

const UpstreamName = matching(
  /^[A-Za-z0-9][\w.-]*$/,
  'a name of letters, digits and . _ -, with a letter or digit first',
)

const Upstreams = z.codec(
  z
    .record(UpstreamName, UpstreamFields)
    .refine((upstreams) => Object.keys(upstreams).length > 0, 'at least one upstream'),
  z.custom<Upstream[]>(),
  {
    decode: (upstreams) => Object.entries(upstreams).map(([name, upstream]) => ({ name, ...upstream })),
    encode: (upstreams) => Object.fromEntries(upstreams.map(({ name, ...upstream }) => [name, upstream])),
  },
)

export const AccessLogFormat = z.enum(['combined', 'vhost', 'json', 'off'])

/** A name as applications see it. None has the characters that end one in a URL, unless they are encoded there. */
const parameterName = /^[^=\p{Cc}]+$/u

const AccessLogSettings = z.strictObject({
  format: AccessLogFormat.prefault('combined').describe(
    'combined: one line of text a request. vhost: with the names of host, upstream and server. json: one object. off: none.',
  ),
  redact: z
    .exactOptional(differing(matching(parameterName, 'the name of a parameter, decoded')))
    .describe('Parameters in URLs whose values are not logged, in any case. Left out: none.'),
  file: z.exactOptional(z.string().min(1, 'the path of a file')).describe('Where it goes. Left out: standard output.'),
})

const AccessLogByFormat = z.codec(AccessLogFormat, z.custom<z.output<typeof AccessLogSettings>>(), {
  decode: (format) => ({ format }),
  encode: ({ format }) => format,
})

const clientTimeouts = z.strictObject({
  head: Duration.prefault('30s').describe(
    "From a request's first byte (or the connection's start) to the end of its head.",
  ),
  body: Duration.prefault('60s').describe("The longest silence within a request's body."),
  idle: Duration.prefault('75s').describe('The longest wait for the next request on a kept connection.'),
  send: Duration.prefault('60s').describe('The longest time in which a client takes no byte of a response.'),
  halfClosed: Duration.prefault('1s').describe(
    'How long a client that has closed its sending half, as most do that leave, waits for the end of its answer.',
  ),
  stop: Duration.prefault('30s').describe('How long requests in flight may go on once Limpet is asked to stop.'),
})

const limits = z.strictObject({
  // Never unlimited, since a head is held in memory whole.
  headSize: boundedSize(1000, 1_048_576)
    .prefault('32kB')
    .describe("The size of a request's line and headers together, 1kB to 1MiB."),
  headers: whole(1, 10_000).prefault(100).describe('The number of header lines in a request.'),
  bodySize: Size.prefault('unlimited').describe("The size of a request's body."),
  connections: Count.prefault('unlimited').describe('Connections of clients in all.'),
  connectionsPerAddress: Count.prefault('unlimited').describe('Connections of one client address.'),
  requestsPerConnection: Count.prefault('unlimited').describe('Requests on one connection before it is closed.'),
})

/** The whole of `limpet.yaml`. Decodes the file's value to the Config, encodes a Config to the file's value. */
export const Config = z.strictObject({
  listeners: z
    .array(Listener)
    .min(1, 'at least one listener')
    .prefault([{}])
    .describe('Where clients arrive. Default: port 80 on every IPv4 address.'),
  trustedProxies: TrustedProxies,
  clientAddressFrom: ClientAddressFrom,
  workers: z
    .exactOptional(Workers)
    .describe(`Worker threads. Default: one for each core that the process may use, ${MAX_WORKERS} at most.`),
  routes: z
    .array(Route)
    .min(1, 'at least one route')
    .describe('Which requests go where. The most specific wins, whatever the order.'),
  upstreams: Upstreams.describe('The named groups of servers.'),
  instance: z
    .exactOptional(Instance)
    .describe(
      'What tells this Limpet and its replicas from others: names of cookies are made of it. Default: its ports.',
    ),
  stateDirectory: z
    .exactOptional(z.string().min(1, 'the path of a directory'))
    .describe('Where sessions and secrets are kept across a restart. Default: see docs/state-directory.md.'),
  admin: z.exactOptional(Admin).describe('Where the admin API answers, on this machine only. Left out: nowhere.'),
  accessLog: z
    .union([AccessLogSettings, AccessLogByFormat], 'a format, or settings')
    .prefault('combined')
    .describe('The log of requests: its format, or its settings.'),
  timeouts: clientTimeouts.prefault({}).describe('How long a client may take. 0: no limit.'),
  limits: limits.prefault({}).describe('How much a client may ask for.'),
})

/** The configuration, resolved: every default is in it. Times are in milliseconds, sizes in bytes, 0 is no limit. */
export type Config = z.output<typeof Config>
