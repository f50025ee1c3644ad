import { formatDuration } from '../config/duration.ts'
import type { Server } from '../config/server.ts'
import type { Upstream } from '../config/upstream.ts'
import { block, type Directive, directive } from './directive.ts'
import type { Route } from './route.ts'
import { tlsToServers } from './tls.ts'

/** The largest number for directives where nginx has no "unlimited". */
export const ANY_NUMBER = 2_147_483_647

/** The nginx directives for the policies that it has. */
const methods: Partial<Record<Upstream['balance']['type'], Directive[]>> = {
  'round-robin': [],
  'ip-hash': [directive('ip_hash')],
  'least-connections': [directive('least_conn')],
  'random-two': [directive('random', 'two', 'least_conn')],
}

/** The policies that nginx has. */
export const knownPolicies = Object.keys(methods)

/** An upstream as nginx's block of the same name. */
export function upstreamBlock({ name, balance, servers, keepAlive }: Upstream): Directive {
  return block(
    'upstream',
    [name],
    [
      // Shared by the worker processes, so that rotation and failure counts are common, as on the Scoreboard.
      directive('zone', name, `${64 + 4 * servers.length}k`),
      ...(methods[balance.type] ?? []),
      ...servers.map(serverLine),
      ...(keepAlive.connections === 0
        ? []
        : [
            // nginx's limit is for the idle connections to all servers together.
            directive('keepalive', keepAlive.connections * servers.length),
            directive('keepalive_requests', keepAlive.requestsPerConnection || ANY_NUMBER),
            directive('keepalive_time', formatDuration(keepAlive.maxAge)),
            directive('keepalive_timeout', formatDuration(keepAlive.idle)),
          ]),
    ],
  )
}

/** What `proxy_pass` has for an upstream. */
export function passTo({ name, tls }: Pick<Upstream, 'name' | 'tls'>): string {
  return `${tls === undefined ? 'http' : 'https'}://${name}`
}

/** The settings of an upstream that nginx has in locations. */
export function proxySettings(upstream: Upstream): Directive[] {
  const { timeouts, retries } = upstream
  return [
    directive('proxy_connect_timeout', formatDuration(timeouts.connect)),
    directive('proxy_send_timeout', formatDuration(timeouts.idle)),
    directive('proxy_read_timeout', formatDuration(timeouts.firstByte)),
    directive('proxy_next_upstream_tries', retries.tries),
    directive('proxy_next_upstream_timeout', formatDuration(retries.within)),
    ...tlsToServers(upstream),
  ]
}

/** The settings of a route in place of its upstream's, or of all. */
export function ownSettings({ bodyLimit, timeouts = {}, retries = {} }: Route): Directive[] {
  return [
    ...(bodyLimit === undefined ? [] : [directive('client_max_body_size', bodyLimit)]),
    ...time('proxy_connect_timeout', timeouts.connect),
    ...time('proxy_send_timeout', timeouts.idle),
    ...time('proxy_read_timeout', timeouts.firstByte),
    ...(retries.tries === undefined ? [] : [directive('proxy_next_upstream_tries', retries.tries)]),
    ...time('proxy_next_upstream_timeout', retries.within),
  ]
}

function time(name: string, ms: number | undefined): Directive[] {
  return ms === undefined ? [] : [directive(name, formatDuration(ms))]
}

function serverLine({ name, address, weight, maxConnections, maxFails, failTimeout, backup, down }: Server): Directive {
  return {
    ...directive(
      'server',
      address,
      ...(weight === 1 ? [] : [`weight=${weight}`]),
      ...(maxConnections === 0 ? [] : [`max_conns=${maxConnections}`]),
      `max_fails=${maxFails}`,
      `fail_timeout=${formatDuration(failTimeout)}`,
      ...(backup ? ['backup'] : []),
      ...(down ? ['down'] : []),
    ),
    comment: name === address ? undefined : name,
  }
}
