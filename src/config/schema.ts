import { z } from 'zod'
import { MAX_WORKERS } from '../runtime/bounds.ts'
import { AccessLogByFormat, AccessLogSettings } from './access-log.ts'
import { Admin } from './admin.ts'
import { ClientAddressFrom, TrustedProxies } from './client-address.ts'
import { Discovery } from './discovery.ts'
import { boundedSize, Count, Duration, Size, whole } from './field.ts'
import { Filter } from './filter.ts'
import { HostNames } from './host-names.ts'
import { Instance } from './instance.ts'
import { Listener } from './listener.ts'
import { Metrics } from './metrics.ts'
import { ProgramLogSettings } from './program-log.ts'
import { Route } from './route.ts'
import { Tracing } from './tracing.ts'
import { Upstreams } from './upstream.ts'

/**
 * The schema of `limpet.yaml`. Every part decodes a value of the file to a part of the Config, with defaults, and encodes
 * that part back to an equivalent value. An error text here is a phrase that completes "expected …".
 */

export const Workers = whole(1, MAX_WORKERS)

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
    .prefault([])
    .describe(
      'Which requests go to which upstream. The most specific route wins; the order does not matter. At least one, or discovery.',
    ),
  defaults: z
    .exactOptional(
      z.strictObject({
        filters: z
          .exactOptional(z.array(Filter))
          .describe('Filters of all routes, before those of each. Default: none.'),
      }),
    )
    .describe('What holds for all routes. Default: nothing.'),
  upstreams: Upstreams.prefault({}).describe('The named groups of servers. At least one, or discovery.'),
  discovery: z
    .exactOptional(Discovery)
    .describe('Where routes and upstreams are found besides these: labels of containers. Default: nowhere.'),
  hostNames: z
    .exactOptional(HostNames)
    .describe(
      'How host names of servers are looked up. Default: as this machine does, again whenever the DNS says that an answer has expired.',
    ),
  instance: z
    .exactOptional(Instance)
    .describe(
      'A name that this Limpet and its replicas share, and that no other Limpet has. The names of cookies depend on it. Default: its ports.',
    ),
  stateDirectory: z
    .exactOptional(z.string().min(1, 'the path of a directory'))
    .describe('The directory that keeps sessions and secrets across restarts. Default: see docs/state-directory.md.'),
  admin: z.exactOptional(Admin).describe('Where the admin API listens. Default: a Unix socket of this user.'),
  metrics: z
    .exactOptional(Metrics)
    .describe(
      'Where metrics are served for Prometheus, and nothing else. Default: nowhere; the admin API has them at /metrics.',
    ),
  accessLog: z
    .union([AccessLogSettings, AccessLogByFormat], 'a format, or settings')
    .prefault('combined')
    .describe('The log of requests: its format, or its settings.'),
  log: z
    .exactOptional(ProgramLogSettings)
    .describe('The log of the program itself. Default: json if accessLog is and there is no terminal, else text.'),
  tracing: z
    .exactOptional(Tracing)
    .describe('Where traces of requests are exported. Default: nowhere; what clients say of traces passes unread.'),
  timeouts: clientTimeouts.prefault({}).describe('Timeouts of clients. 0: no limit.'),
  limits: limits.prefault({}).describe('Limits on requests and connections of clients.'),
})

/** The resolved configuration, with all defaults. Times are in milliseconds, sizes in bytes, 0 is no limit. */
export type Config = z.output<typeof Config>
