import { isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { alternatives, ConfigError, type Problem } from '../config/error.ts'
import type { Config } from '../config/schema.ts'
import type { ListenerTls } from '../config/tls/listener-tls.ts'
import { inexpressibleFilters } from './filters/route-filters.ts'
import { inexpressibleRoutes } from './inexpressible-routes.ts'
import { inexpressibleTimeouts } from './inexpressible-timeouts.ts'
import { refusal, when } from './refusal.ts'
import { serverNameOf } from './tls.ts'
import { knownPolicies } from './upstream-settings.ts'

/** Defaults that nginx cannot express but that are accepted; docs/nginx.md describes the difference. */
const DEFAULT_HEADERS = 100
const DEFAULT_HANDSHAKE = 10_000
const DEFAULT_QUEUE = { size: 1000, timeout: 5000 }

/** Throws ConfigError with everything in the configuration that nginx cannot express. */
export function refuseInexpressible(config: Config): void {
  const problems = [
    ...config.listeners.flatMap((each, index) => listener(each, index, config)),
    ...clientAddressFrom(config),
    ...inexpressibleRoutes(config),
    ...inexpressibleFilters(config),
    ...config.upstreams.flatMap(upstream),
    ...sameButForCase(config.upstreams),
    ...accessLog(config.accessLog),
    ...when(
      config.tracing !== undefined,
      'tracing',
      'nginx exports traces only with a module that it does not contain',
      'leave it out',
    ),
    ...when(
      config.discovery !== undefined,
      'discovery',
      'nginx reads no labels of containers',
      'write their routes and servers, and leave it out',
    ),
    ...when(
      config.hostNames !== undefined,
      'hostNames',
      'nginx looks host names of servers up once, when it starts',
      'leave it out',
    ),
    ...clientTimeouts(config.timeouts),
    ...limits(config.limits),
  ]
  if (problems.length > 0) throw new ConfigError(problems)
}

type Part<Key extends 'listeners' | 'upstreams'> = Config[Key][number]

function listener(listener: Part<'listeners'>, index: number, { listeners, trustedProxies }: Config): Problem[] {
  return [
    ...when(
      'port' in listener && listener.port === 0,
      `listeners[${index}].port`,
      'nginx cannot listen on any free port',
      'name a port, or use --port',
    ),
    ...when(
      'mode' in listener && listener.mode !== 0o666,
      `listeners[${index}].mode`,
      'nginx lets every user connect to its Unix sockets',
      'write 0666, and restrict the directory',
    ),
    ...when(
      listener.proxyProtocol && trustedProxies.length > 0,
      `listeners[${index}].proxyProtocol`,
      'nginx cannot read the client address from a PROXY header and then from X-Forwarded-For',
      'leave out proxyProtocol or trustedProxies',
    ),
    ...listenerTls(listener, index, listeners),
  ]
}

function listenerTls({ tls, h2c }: Part<'listeners'>, index: number, listeners: Config['listeners']): Problem[] {
  const path = `listeners[${index}]`
  const first = listeners.find((other) => other.tls !== undefined)?.tls
  return [
    ...when(
      h2c === true,
      `${path}.h2c`,
      'nginx cannot speak HTTP/1.1 and HTTP/2 without TLS on one port before 1.25',
      'leave it out',
    ),
    ...(tls === undefined ? [] : listenerTlsSettings(tls, `${path}.tls`, first)),
  ]
}

function listenerTlsSettings(tls: ListenerTls, path: string, first: ListenerTls | undefined): Problem[] {
  const { certificates = [], acme, protocols, clientCertificates, unknownNames, handshakeTimeout } = tls
  return [
    ...when(acme !== undefined, `${path}.acme`, 'nginx does not obtain certificates', 'name their files'),
    ...when(
      certificates.length > 1,
      `${path}.certificates[1]`,
      'the export writes one certificate for all names',
      'leave the others out, and add them to the servers of their names',
    ),
    ...when(
      first !== undefined && !isDeepStrictEqual(tls, first),
      path,
      'the export writes one set of TLS settings for all listeners',
      'give all listeners with tls the same settings',
    ),
    ...when(
      !protocols.includes('http/1.1'),
      `${path}.protocols`,
      'nginx always offers HTTP/1.1',
      'add http/1.1 to the list',
    ),
    ...when(
      clientCertificates !== undefined,
      `${path}.clientCertificates`,
      'nginx cannot tell servers the SHA-256 fingerprint of a client certificate',
      'leave it out, and write ssl_verify_client by hand',
    ),
    ...when(
      unknownNames === 'refuse',
      `${path}.unknownNames`,
      'nginx refuses handshakes by the names of its servers, not by those of certificates',
      'leave it out, and write ssl_reject_handshake by hand',
    ),
    ...when(
      handshakeTimeout !== DEFAULT_HANDSHAKE,
      `${path}.handshakeTimeout`,
      'nginx limits handshakes by client_header_timeout, which is timeouts.head',
      'leave it out',
    ),
  ]
}

function clientAddressFrom({ trustedProxies, clientAddressFrom }: Config): Problem[] {
  return when(
    trustedProxies.length > 0 && clientAddressFrom === 'forwarded',
    'clientAddressFrom',
    'nginx cannot read Forwarded',
    'use x-forwarded-for, if the proxies send it',
  )
}

function upstream({
  name,
  balance,
  affinity,
  servers,
  sources,
  timeouts,
  retries,
  keepAlive,
  protocol,
  tls,
  health,
  proxyProtocol,
  queue,
  drain,
}: Part<'upstreams'>): Problem[] {
  const askedFor = serverNameOf(tls, servers)
  const path = `upstreams.${name}`
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

function accessLog({ format, redact, file }: Config['accessLog']): Problem[] {
  return [
    ...when(
      format === 'json',
      'accessLog.format',
      'nginx cannot write the upstreams of a request as a list in JSON',
      'use combined, or --access-log combined',
    ),
    ...when(
      redact !== undefined,
      'accessLog.redact',
      'nginx cannot redact the values of parameters in its log',
      'leave it out',
    ),
    ...when(
      file !== undefined && (!file.startsWith('/') || file.includes('$')),
      'accessLog.file',
      'nginx resolves a relative path against its own directory, and reads $ as a variable',
      'write an absolute path without $',
    ),
  ]
}

function clientTimeouts(timeouts: Config['timeouts']): Problem[] {
  return (['head', 'body', 'idle', 'send'] as const).flatMap((key) =>
    when(
      timeouts[key] === 0,
      `timeouts.${key}`,
      'nginx cannot express "no limit"',
      'write a long duration, such as 24d',
    ),
  )
}

function limits({ headers, connections, connectionsPerAddress }: Config['limits']): Problem[] {
  const inFlight = "nginx's limit_conn counts requests in flight, not connections"
  return [
    ...when(
      headers !== DEFAULT_HEADERS,
      'limits.headers',
      'nginx does not limit the number of headers',
      'leave it out; headSize limits them',
    ),
    ...when(connections !== 0, 'limits.connections', inFlight, 'leave it out'),
    ...when(connectionsPerAddress !== 0, 'limits.connectionsPerAddress', inFlight, 'leave it out'),
  ]
}
