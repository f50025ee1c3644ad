import { ConfigError, type Problem } from '../config/error.ts'
import type { Config } from '../config/schema.ts'
import { inexpressibleFilters } from './filters/route-filters.ts'
import { inexpressibleListeners } from './inexpressible-listeners.ts'
import { inexpressibleRoutes } from './inexpressible-routes.ts'
import { inexpressibleUpstreams } from './inexpressible-upstreams.ts'
import { when } from './refusal.ts'

/** A default that nginx cannot express but that is accepted; docs/nginx.md describes the difference. */
const DEFAULT_HEADERS = 100

/** Throws ConfigError with everything in the configuration that nginx cannot express. */
export function refuseInexpressible(config: Config): void {
  const problems = [
    ...inexpressibleListeners(config),
    ...clientAddressFrom(config),
    ...inexpressibleRoutes(config),
    ...inexpressibleFilters(config),
    ...inexpressibleUpstreams(config),
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

function clientAddressFrom({ trustedProxies, clientAddressFrom }: Config): Problem[] {
  return when(
    trustedProxies.length > 0 && clientAddressFrom === 'forwarded',
    'clientAddressFrom',
    'nginx cannot read Forwarded',
    'use x-forwarded-for, if the proxies send it',
  )
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
