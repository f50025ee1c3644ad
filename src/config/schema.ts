import { z } from 'zod'
import { MAX_QUEUED, MAX_SERVERS, MAX_WORKERS } from '../runtime/bounds.ts'
import type { Endpoint, Listener as HeldListener, OwnSessions } from '../runtime/snapshot.ts'
import { formatAddress, parseAddress } from './address.ts'
import { Admin } from './admin.ts'
import { Affinity } from './affinity.ts'
import { ClientAddressFrom, ProxyProtocolIn, ProxyProtocolOut, TrustedProxies } from './client-address.ts'
import { Drain } from './drain.ts'
import { InvalidValue } from './error.ts'
import {
  boundedSize,
  Count,
  Duration,
  durationFrom,
  Mode,
  matching,
  oneOrMore,
  Size,
  text,
  uniqueList,
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
import { Rebalance } from './rebalance.ts'
import { Skew } from './skew.ts'
import { formatUnixSocket, isUnixSocket, parseUnixSocket } from './unix-socket.ts'

/**
 * The schema of `limpet.yaml`. Every part decodes a value of the file to a part of the Config, with defaults, and encodes
 * that part back to an equivalent value. An error text here is a phrase that completes "expected …".
 */

export const Port = whole(0, 65_535)
export const Workers = whole(1, MAX_WORKERS)

const ListenerFields = z
  .strictObject({
    address: text(parseListenAddress, 'an address to listen on')
      .prefault('0.0.0.0')
      .describe(
        'The address to listen on: IPv4, IPv6, a name, or unix:/path/of/a/socket. `::` accepts both IPv6 and IPv4.',
      ),
    port: z.exactOptional(Port).describe('The port to listen on. 0: any free port. Default: 80.'),
    mode: z
      .exactOptional(Mode)
      .describe('The permissions of a Unix socket, which decide who may connect. Default: 0660.'),
    proxyProtocol: ProxyProtocolIn,
  })
  .check(({ value, issues }) => {
    const [key, message] = isUnixSocket(value.address)
      ? (['port', 'no port, because a Unix socket has none'] as const)
      : (['mode', 'no mode, because only a Unix socket has one'] as const)
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
  /** Each is `/exactly/this`, or `/this/*` for all paths below `/this/`. */
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

/** The settings of each balancing policy. To add a policy, add an entry. */
const policies = [
  z.strictObject({ type: z.literal('round-robin').describe('In turn, by weight (smooth weighted round robin).') }),
  z.strictObject({ type: z.literal('ip-hash').describe("By the client's address, as nginx's ip_hash does.") }),
  z.strictObject({ type: z.literal('hash').describe("By a key, as nginx's hash does."), key: Key }),
  z.strictObject({
    type: z
      .literal('consistent-hash')
      .describe("By a key on a consistent-hash ring, as nginx's hash … consistent does."),
    key: Key,
    boundedLoad: z
      .exactOptional(z.number(boundedLoad).min(1.05, boundedLoad).max(10, boundedLoad))
      .describe('The maximum of requests in flight on a server, as a multiple of the mean. Default: no maximum.'),
  }),
  z.strictObject({
    type: z.literal('least-connections').describe('The server with the fewest requests in flight, by weight.'),
  }),
  z.strictObject({
    type: z
      .literal('random-two')
      .describe('Picks two servers at random, by weight, and uses the one with fewer requests in flight.'),
  }),
  z.strictObject({
    type: z.literal('least-time').describe('The lowest response time × requests in flight (peak EWMA), by weight.'),
    decay: durationFrom(shortestDecay)
      .prefault('10s')
      .describe('The time after which a measured response time keeps 37% (1/e) of its weight.'),
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
  /** Its identity in sessions, unique in its upstream; its name by default. */
  id: string
  /** What logs call it, unique in its upstream. */
  name: string
  /** As logs show it: `172.17.0.2:80`, `[::1]:80`, `unix:/run/app.sock`. */
  address: string
  endpoint: Endpoint
  weight: number
  /** Serves only if no other server can. */
  backup: boolean
  /** Disabled by the operator. */
  down: boolean
  /** Gets no new sessions. */
  drain: boolean
  /** What happens to the sessions that it has while it drains. Absent: it keeps them. */
  ownSessions?: Exclude<OwnSessions, 'keep'>
  /** Failures within `failTimeout` after which the server is suspended for `failTimeout`; 0: never. */
  maxFails: number
  /** Milliseconds. */
  failTimeout: number
  /** The maximum of requests in flight; 0 is no limit. */
  maxConnections: number
  /** Milliseconds. */
  slowStart: number
}

const ServerAddress = written(z.string('host:port'), parseAddress, formatAddress)

const ServerName = matching(/^(?:[\w.:[\]-]+|unix:\/[\w./@+-]+)$/, 'a name of letters, digits and . _ - : [ ]')

const ServerDrain = z.literal([true, false, 'move', 'refuse'])

const ServerFields = z.strictObject({
  name: z
    .exactOptional(ServerName)
    .describe('Its name in logs and commands, unique in the upstream. Default: its address.'),
  id: z
    .exactOptional(ServerName)
    .describe(
      'Its identity in sessions, unique in the upstream: keep it, and a renamed server keeps its sessions. Default: its name.',
    ),
  address: ServerAddress.describe(
    'host:port with a name, an IPv4 address, or an IPv6 address in brackets (the port defaults to 80), or unix:/path/of/a/socket.',
  ),
  weight: whole(1, 65_535).prefault(1).describe('Its share of the requests, relative to the other weights.'),
  backup: z.boolean().prefault(false).describe('Serves only if no other server can.'),
  down: z.boolean().prefault(false).describe('Disabled by the operator.'),
  drain: ServerDrain.prefault(false).describe(
    'Gets no new sessions. true: it serves those that it has. move, refuse: they move to other servers, or are refused once.',
  ),
  maxFails: whole(0, 65_535)
    .prefault(1)
    .describe('Failures within failTimeout after which the server is suspended for failTimeout. 0: never.'),
  failTimeout: Duration.prefault('10s').describe(
    'How long a failure counts, and how long the server is then suspended.',
  ),
  maxConnections: Count.prefault('unlimited').describe('The maximum of requests in flight, across all workers.'),
  slowStart: Duration.prefault('0s').describe(
    'How long its weight takes to grow to its full value after the server was unavailable. 0: none.',
  ),
})

const DetailedServer = z.codec(ServerFields, z.custom<Server>(), {
  decode: ({ address, name = formatAddress(address), id = name, drain, ...rest }) => ({
    id,
    name,
    address: formatAddress(address),
    endpoint: address,
    ...rest,
    drain: drain !== false,
    ...(typeof drain === 'string' && { ownSessions: drain }),
  }),
  encode: ({ id, endpoint, drain, ownSessions, ...rest }) => ({
    ...(id !== rest.name && { id }),
    ...rest,
    address: endpoint,
    drain: drain && (ownSessions ?? true),
  }),
})

const ServerByAddress = z.codec(ServerAddress, z.custom<Server>(), {
  decode: (address) => z.decode(DetailedServer, { address: formatAddress(address) }),
  encode: ({ endpoint }) => endpoint,
})

/** One entry of an upstream's `servers`: its address, or its settings. */
export const Server = z.union([DetailedServer, ServerByAddress], 'host:port, or a mapping with an address')

const upstreamTimeouts = z.strictObject({
  connect: Duration.prefault('5s').describe('The maximum time to open a connection.'),
  firstByte: Duration.prefault('60s').describe(
    'The maximum time from the end of the request to the first byte of the response.',
  ),
  idle: Duration.prefault('60s').describe('The maximum time without a byte in the middle of a message.'),
  tunnel: Duration.prefault('1h').describe(
    'The maximum time without a byte on a WebSocket or another upgraded connection.',
  ),
})

const retries = z.strictObject({
  tries: whole(1, MAX_SERVERS)
    .prefault(10)
    .describe('The maximum number of servers that one request is sent to, including the first.'),
  within: Duration.prefault('10s').describe('No further try starts after this time since the start of the request.'),
})

const keepAlive = z.strictObject({
  connections: whole(0, 65_535)
    .prefault(64)
    .describe('The maximum of idle connections that each worker keeps to each server. 0: none.'),
  idle: Duration.prefault('60s').describe('How long an idle connection is kept open.'),
  requestsPerConnection: Count.prefault('unlimited').describe(
    'The maximum of requests on one connection before it is closed.',
  ),
  maxAge: Duration.prefault('1h').describe('The maximum age of a connection for another request. 0: no limit.'),
})

const queue = z.strictObject({
  size: whole(0, MAX_QUEUED)
    .prefault(1000)
    .describe(
      'The maximum of waiting requests, across all workers. 0: none; a request that would wait gets 503 at once.',
    ),
  timeout: Duration.prefault('5s').describe('The maximum time for which a request waits. 0: no limit.'),
})

const UpstreamFields = z.strictObject({
  balance: Balance.prefault('round-robin').describe('How a server is chosen: the name of a policy, or its settings.'),
  affinity: z
    .exactOptional(Affinity)
    .describe(
      'How sessions stay on their servers: the name of a kind, or its settings. Default: none, balance decides alone.',
    ),
  skew: z
    .exactOptional(Skew)
    .describe('When to warn that one address or network sends too large a share, if servers are chosen by address.'),
  rebalance: z
    .exactOptional(Rebalance)
    .describe(
      'How fast sessions move to servers that have fewer, by weight. For affinity cookie and learn. Default: none move.',
    ),
  servers: z.array(Server).min(1, 'at least one server').describe('The servers, each as its address or its settings.'),
  timeouts: upstreamTimeouts.prefault({}).describe('Timeouts of connections to servers. 0: no limit.'),
  retries: retries.prefault({}).describe('How often a failed request is retried on another server.'),
  keepAlive: keepAlive.prefault({}).describe('Idle connections kept open to the servers.'),
  health: z.exactOptional(Health).describe('Active checks and outlier ejection, in addition to maxFails.'),
  proxyProtocol: ProxyProtocolOut,
  queue: queue.prefault({}).describe('Requests that wait while all servers are at maxConnections.'),
  drain: Drain.prefault({}).describe('How servers are drained, and how their sessions end.'),
})

/** An upstream as the program holds it. */
export type Upstream = { name: string } & z.output<typeof UpstreamFields> & {
    /** Until when its requests wait, in ms since 1970. Not in the file. */
    pause?: { until: number }
  }

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
    encode: (upstreams) => Object.fromEntries(upstreams.map(({ name, pause, ...upstream }) => [name, upstream])),
  },
)

export const AccessLogFormat = z.enum(['combined', 'vhost', 'json', 'off'])

/** A decoded name. It has no `=` and no control character, which end a name in a URL. */
const parameterName = /^[^=\p{Cc}]+$/u

const AccessLogSettings = z.strictObject({
  format: AccessLogFormat.prefault('combined').describe(
    'combined: one line of text per request. vhost: also the names of the host, upstream and server. json: one object per request. off: none.',
  ),
  redact: z
    .exactOptional(uniqueList(matching(parameterName, 'the name of a parameter, decoded')))
    .describe('URL parameters whose values are not logged. Names are case-insensitive. Default: none.'),
  file: z
    .exactOptional(z.string().min(1, 'the path of a file'))
    .describe('The path of the log file. Default: standard output.'),
})

const AccessLogByFormat = z.codec(AccessLogFormat, z.custom<z.output<typeof AccessLogSettings>>(), {
  decode: (format) => ({ format }),
  encode: ({ format }) => format,
})

const clientTimeouts = z.strictObject({
  head: Duration.prefault('30s').describe(
    'The maximum time from the first byte of a request (or the start of the connection) to the end of its head.',
  ),
  body: Duration.prefault('60s').describe('The maximum time without a byte in the middle of a request body.'),
  idle: Duration.prefault('75s').describe('The maximum wait for the next request on an open connection.'),
  send: Duration.prefault('60s').describe('The maximum time in which a client accepts no byte of a response.'),
  halfClosed: Duration.prefault('1s').describe(
    'How long a response may still take after the client has closed its sending half, as most clients do that disconnect.',
  ),
  stop: Duration.prefault('30s').describe(
    'How long requests in flight may take to finish after Limpet is asked to stop.',
  ),
  upgrade: Duration.prefault('1h').describe(
    'How long connections, such as WebSockets, may go on in a process or worker that another one has replaced.',
  ),
})

const limits = z.strictObject({
  // Never unlimited, because the whole head is kept in memory.
  headSize: boundedSize(1000, 1_048_576)
    .prefault('32kB')
    .describe('The maximum size of the request line and headers together, 1kB to 1MiB.'),
  headers: whole(1, 10_000).prefault(100).describe('The maximum number of header lines in a request.'),
  bodySize: Size.prefault('unlimited').describe('The maximum size of a request body.'),
  connections: Count.prefault('unlimited').describe('The maximum of client connections in total.'),
  connectionsPerAddress: Count.prefault('unlimited').describe('The maximum of connections from one client address.'),
  requestsPerConnection: Count.prefault('unlimited').describe(
    'The maximum of requests on one connection before it is closed.',
  ),
})

/** The whole `limpet.yaml`. Decodes the file's value to the Config, encodes a Config to the file's value. */
export const Config = z.strictObject({
  listeners: z
    .array(Listener)
    .min(1, 'at least one listener')
    .prefault([{}])
    .describe('The addresses to listen on. Default: port 80 on every IPv4 address.'),
  trustedProxies: TrustedProxies,
  clientAddressFrom: ClientAddressFrom,
  workers: z
    .exactOptional(Workers)
    .describe(
      `The number of worker threads. Default: one for each core that the process may use, at most ${MAX_WORKERS}.`,
    ),
  routes: z
    .array(Route)
    .min(1, 'at least one route')
    .describe('Which requests go to which upstream. The most specific route wins; the order does not matter.'),
  upstreams: Upstreams.describe('The named groups of servers.'),
  instance: z
    .exactOptional(Instance)
    .describe(
      'A name that this Limpet and its replicas share, and that no other Limpet has. The names of cookies depend on it. Default: its ports.',
    ),
  stateDirectory: z
    .exactOptional(z.string().min(1, 'the path of a directory'))
    .describe('The directory that keeps sessions and secrets across restarts. Default: see docs/state-directory.md.'),
  admin: z.exactOptional(Admin).describe('Where the admin API listens. Default: a Unix socket of this user.'),
  accessLog: z
    .union([AccessLogSettings, AccessLogByFormat], 'a format, or settings')
    .prefault('combined')
    .describe('The log of requests: its format, or its settings.'),
  timeouts: clientTimeouts.prefault({}).describe('Timeouts of clients. 0: no limit.'),
  limits: limits.prefault({}).describe('Limits on requests and connections of clients.'),
})

/** The resolved configuration, with all defaults. Times are in milliseconds, sizes in bytes, 0 is no limit. */
export type Config = z.output<typeof Config>
