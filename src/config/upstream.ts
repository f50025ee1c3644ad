import { z } from 'zod'
import { MAX_QUEUED, MAX_SERVERS } from '../runtime/bounds.ts'
import { Affinity } from './affinity.ts'
import { Balance } from './balance.ts'
import { ProxyProtocolOut } from './client-address.ts'
import { Drain } from './drain.ts'
import { Count, Duration, matching, whole } from './field.ts'
import { Health } from './health.ts'
import { Rebalance } from './rebalance.ts'
import { DetailedServer, type Server, ServerByAddress } from './server.ts'
import { Skew } from './skew.ts'
import { Source } from './source.ts'
import { UpstreamTls } from './tls/upstream-tls.ts'

const connect = Duration.describe('The maximum time to open a connection.')
const firstByte = Duration.describe('The maximum time from the end of the request to the first byte of the response.')
const idle = Duration.describe('The maximum time without a byte in the middle of a message.')
const tunnel = Duration.describe(
  'The maximum time without a byte on a WebSocket or another upgraded connection, and in a gRPC call.',
)
const tries = whole(1, MAX_SERVERS).describe(
  'The maximum number of servers that one request is sent to, including the first.',
)
const within = Duration.describe(
  'No further try starts after this time since the first one could: what is read of a body before does not count.',
)

const upstreamTimeouts = z.strictObject({
  connect: connect.prefault('5s'),
  firstByte: firstByte.prefault('60s'),
  idle: idle.prefault('60s'),
  tunnel: tunnel.prefault('1h'),
})

const retries = z.strictObject({ tries: tries.prefault(10), within: within.prefault('10s') })

/** What a route may say in place of its upstream. */
export const RouteTimeouts = z.strictObject({
  connect: z.exactOptional(connect),
  firstByte: z.exactOptional(firstByte),
  idle: z.exactOptional(idle),
  tunnel: z.exactOptional(tunnel),
})

export const RouteRetries = z.strictObject({ tries: z.exactOptional(tries), within: z.exactOptional(within) })

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

/** What `servers` says: servers, and where others are found. */
interface ServerEntries {
  readonly servers: Server[]
  readonly sources: Source[]
}

const ListedEntries = z.codec(
  z
    .array(z.union([Source, DetailedServer, ServerByAddress], 'host:port, or a mapping with an address'))
    .meta({ minItems: 1 }),
  z.custom<ServerEntries>(),
  {
    decode(entries, { issues }) {
      // Only a file must have one: an operator may remove the last.
      if (entries.length === 0) issues.push({ code: 'custom', input: entries, message: 'at least one server' })
      return {
        servers: entries.filter((entry): entry is Server => !('from' in entry)),
        sources: entries.filter((entry): entry is Source => 'from' in entry),
      }
    },
    encode: ({ servers, sources }) => [...servers, ...sources],
  },
)

const OneSource = z.codec(Source, z.custom<ServerEntries>(), {
  decode: (source) => ({ servers: [], sources: [source] }),
  encode: ({ sources: [source] }) => source!,
})

const ServerEntries = z.union([ListedEntries, OneSource], 'a list')

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
  servers: ServerEntries.describe(
    'The servers, each as its address or its settings, and sources that find others (from: docker).',
  ),
  protocol: z
    .exactOptional(z.enum(['http1', 'h2', 'h2c', 'auto']))
    .describe(
      'What the servers speak: HTTP/1.1, HTTP/2 with TLS (h2) or without (h2c), or what each prefers with TLS (auto). Default: http1.',
    ),
  tls: z
    .exactOptional(UpstreamTls)
    .describe('TLS to the servers: true, or settings. Each server then needs a port, such as 443. Default: none.'),
  timeouts: upstreamTimeouts.prefault({}).describe('Timeouts of connections to servers. 0: no limit.'),
  retries: retries.prefault({}).describe('How often a failed request is retried on another server.'),
  keepAlive: keepAlive.prefault({}).describe('Idle connections kept open to the servers.'),
  health: z.exactOptional(Health).describe('Active checks and outlier ejection, in addition to maxFails.'),
  proxyProtocol: ProxyProtocolOut,
  queue: queue.prefault({}).describe('Requests that wait while all servers are at maxConnections.'),
  drain: Drain.prefault({}).describe('How servers are drained, and how their sessions end.'),
})

/** An upstream as the program holds it. */
export type Upstream = { name: string } & Omit<z.output<typeof UpstreamFields>, 'servers'> & {
    /** Those of the file, and those that its sources have found. */
    servers: Server[]
    sources: Source[]
    /** Until when its requests wait, in ms since 1970. Not in the file. */
    pause?: { until: number }
    /** The source whose labels describe it: `docker`. Absent: it is written in the file. */
    source?: string
  }

const UpstreamName = matching(
  /^[A-Za-z0-9][\w.-]*$/,
  'a name of letters, digits and . _ -, with a letter or digit first',
)

/** The whole of `upstreams`. */
export const Upstreams = z.codec(z.record(UpstreamName, UpstreamFields), z.custom<Upstream[]>(), {
  decode: (upstreams) =>
    Object.entries(upstreams).map(([name, { servers, ...upstream }]) => ({ name, ...upstream, ...servers })),
  // The next run finds its own.
  encode: (upstreams) =>
    Object.fromEntries(
      upstreams.map(({ name, pause, source: _, servers, sources, ...upstream }) => {
        const written = servers.filter(({ source }) => source === undefined)
        return [name, { ...upstream, servers: { servers: written, sources } }]
      }),
    ),
})
