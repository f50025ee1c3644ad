import { z } from 'zod'
import type { Endpoint, OwnSessions } from '../runtime/snapshot.ts'
import { formatAddress, parseAddress } from './address.ts'
import { Count, Duration, matching, whole, written } from './field.ts'

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
  /** Expected back soon, or starting: gets no requests, and its sessions stay its own. Only servers that a source has found. */
  away?: true
  /** Where it goes, its source expects it back (`returnWithin`): failures of requests alone do not move its sessions. */
  returns?: true
  /** Set by its source only: it has been told to stop, and is expected back. It drains, unless no other server may serve. */
  ending?: true
  /** Set by its source only: another one is another process at this address. */
  incarnation?: string
  /** The source that has found it, as `limpet status` shows it: `docker`. Absent: it is written in the file, or was added at run time. */
  source?: string
}

const ServerAddress = written(z.string('host:port'), parseAddress, formatAddress)

const ServerName = matching(/^(?:[\w.:[\]-]+|unix:\/[\w./@+-]+)$/, 'a name of letters, digits and . _ - : [ ]')

const ServerDrain = z.literal([true, false, 'move', 'refuse'])

export const ServerFields = z.strictObject({
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

export const DetailedServer = z.codec(ServerFields, z.custom<Server>(), {
  decode: ({ address, name = formatAddress(address), id = name, drain, ...rest }) => ({
    id,
    name,
    address: formatAddress(address),
    endpoint: address,
    ...rest,
    drain: drain !== false,
    ...(typeof drain === 'string' && { ownSessions: drain }),
  }),
  encode: ({
    id,
    endpoint,
    drain,
    ownSessions,
    away: _,
    returns: __,
    ending: ___,
    source: ____,
    incarnation: _____,
    ...rest
  }) => ({
    ...(id !== rest.name && { id }),
    ...rest,
    address: endpoint,
    drain: drain && (ownSessions ?? true),
  }),
})

export const ServerByAddress = z.codec(ServerAddress, z.custom<Server>(), {
  decode: (address) => z.decode(DetailedServer, { address: formatAddress(address) }),
  encode: ({ endpoint }) => endpoint,
})

/** One entry of an upstream's `servers`: its address, or its settings. */
export const Server = z.union([DetailedServer, ServerByAddress], 'host:port, or a mapping with an address')
