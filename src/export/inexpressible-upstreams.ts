import { isIP } from 'node:net'
import { alternatives, type Problem } from '../config/error.ts'
import type { Config } from '../config/schema.ts'
import type { Upstream } from '../config/upstream.ts'
import { inexpressibleTimeouts } from './inexpressible-timeouts.ts'
import { refusal, when } from './refusal.ts'
import { serverNameOf } from './tls.ts'
import { knownPolicies } from './upstream-settings.ts'

/** Defaults that nginx cannot express but that are accepted; docs/nginx.md describes the difference. */
const DEFAULT_QUEUE = { size: 1000, timeout: 5000 }

/** What nginx cannot express of upstreams. */
export function inexpressibleUpstreams({ upstreams }: Config): Problem[] {
  const problems = upstreams.flatMap((upstream) => {
    const path = `upstreams.${upstream.name}`
    return [
      ...inexpressibleBalance(upstream, path),
      ...inexpressibleProtocol(upstream, path),
      ...inexpressibleServers(upstream, path),
      ...inexpressibleWaits(upstream, path),
      ...inexpressibleHealth(upstream, path),
      ...inexpressibleQueue(upstream, path),
    ]
  })
  return [...problems, ...sameButForCase(upstreams)]
}

function inexpressibleBalance({ balance, affinity }: Upstream, path: string): Problem[] {
  return [
    ...when(
      !knownPolicies.includes(balance.type),
      `${path}.balance`,
      `the export does not support ${balance.type}`,
      `use ${alternatives(knownPolicies)}`,
    ),
    ...when(
      affinity?.type === 'server-id',
      `${path}.affinity`,
      'the nginx that the export is made for has no "sticky route"',
      'leave it out, and add sticky route by hand if your nginx has it',
    ),
    ...when(
      affinity !== undefined && affinity.type !== 'server-id',
      `${path}.affinity`,
      'nginx does not store sessions',
      'leave it out, and balance by ip-hash to keep each address on its server',
    ),
  ]
}

function inexpressibleProtocol({ protocol, proxyProtocol, servers, tls }: Upstream, path: string): Problem[] {
  const askedFor = serverNameOf(tls, servers)
  return [
    ...when(
      protocol === 'h2' || protocol === 'h2c',
      `${path}.protocol`,
      'nginx speaks only HTTP/1.1 to HTTP servers',
      'leave it out, or write auto, if the servers speak HTTP/1.1, too',
    ),
    ...when(
      tls?.verify === true && (askedFor === undefined || isIP(askedFor) !== 0),
      `${path}.tls`,
      'nginx verifies one name for all servers of an upstream, and no addresses',
      'name it with serverName',
    ),
    ...when(
      proxyProtocol !== undefined,
      `${path}.proxyProtocol`,
      'nginx cannot send a PROXY header to HTTP servers',
      'leave it out, and let the servers read X-Forwarded-For',
    ),
  ]
}

function inexpressibleServers({ balance, servers, sources }: Upstream, path: string): Problem[] {
  return [
    ...sources.map(({ from }) =>
      refusal(`${path}.servers`, `nginx finds no servers by from: ${from}`, 'write their addresses in its place'),
    ),
    ...servers.flatMap(({ backup, drain, failTimeout, slowStart }, index) => [
      ...when(drain, `${path}.servers[${index}].drain`, 'only nginx Plus can drain a server', 'write down: true'),
      ...when(
        backup && !['round-robin', 'least-connections'].includes(balance.type),
        `${path}.servers[${index}].backup`,
        `nginx does not support backup servers with ${balance.type}`,
        'remove it, or balance by round-robin',
      ),
      ...when(
        slowStart !== 0,
        `${path}.servers[${index}].slowStart`,
        'only nginx Plus has a slow start',
        'leave it out',
      ),
      ...when(
        failTimeout % 1000 !== 0,
        `${path}.servers[${index}].failTimeout`,
        'nginx counts fail_timeout in whole seconds',
        `write ${Math.ceil(failTimeout / 1000)}s`,
      ),
    ]),
  ]
}

function inexpressibleWaits({ timeouts, retries, keepAlive }: Upstream, path: string): Problem[] {
  return [
    ...inexpressibleTimeouts(timeouts, path),
    ...when(
      retries.within === 0,
      `${path}.retries.within`,
      'nginx reads 0 as no limit',
      'write 1ms, or tries: 1 for no retry at all',
    ),
    ...when(
      keepAlive.connections > 0 && keepAlive.idle === 0,
      `${path}.keepAlive.idle`,
      'nginx cannot express "no limit"',
      'write a long duration, such as 24d',
    ),
    ...when(
      keepAlive.connections > 0 && keepAlive.maxAge === 0,
      `${path}.keepAlive.maxAge`,
      'nginx cannot express "no limit"',
      'write a long duration, such as 24d',
    ),
  ]
}

function inexpressibleHealth({ health }: Upstream, path: string): Problem[] {
  return [
    ...when(
      health?.check !== undefined,
      `${path}.health.check`,
      'only nginx Plus checks servers actively',
      'leave it out; maxFails detects failures of requests',
    ),
    ...when(
      health?.outlier !== undefined,
      `${path}.health.outlier`,
      'nginx cannot eject servers by their responses',
      'leave it out',
    ),
    ...when(
      (health?.panicThreshold ?? 0) > 0,
      `${path}.health.panicThreshold`,
      'nginx has no panic threshold',
      'leave it out',
    ),
  ]
}

function inexpressibleQueue({ queue, servers, drain }: Upstream, path: string): Problem[] {
  return [
    ...when(
      queue.size > 0 &&
        (queue.size !== DEFAULT_QUEUE.size || queue.timeout !== DEFAULT_QUEUE.timeout) &&
        servers.some(({ maxConnections }) => maxConnections > 0),
      `${path}.queue`,
      'only nginx Plus has a queue for servers at their maxConnections',
      'leave it out, or write size: 0',
    ),
    ...when(
      drain.headers,
      `${path}.drain.headers`,
      'nginx passes Limpet-Session and Limpet-Server on as any header',
      'leave it out',
    ),
  ]
}

function sameButForCase(upstreams: Config['upstreams']): Problem[] {
  return upstreams.flatMap(({ name }, index) => {
    const earlier = upstreams.slice(0, index).find((other) => other.name.toLowerCase() === name.toLowerCase())
    if (earlier === undefined) return []
    return [
      refusal(
        `upstreams.${name}`,
        `nginx treats ${name} and ${earlier.name} as the same name`,
        'rename one of the two',
      ),
    ]
  })
}
