import { isIP } from 'node:net'
import type { Config } from '../config/schema.ts'
import { formatHsts } from '../config/tls/hsts.ts'
import { offerOf } from '../config/tls/tls-profile.ts'
import type { Upstream } from '../config/upstream.ts'
import { block, type Directive, directive } from './directive.ts'

/** Where Debian, Alpine and others keep the authorities that are trusted by default. */
const DEFAULT_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'
/** How long a chain may be: as long as OpenSSL allows by default. nginx's default is one certificate. */
const LONGEST_CHAIN = 100

/** TLS from clients: one certificate and one set of settings for all listeners. */
export function tlsFromClients({ listeners }: Config): Directive[] {
  const tls = listeners.find((listener) => listener.tls !== undefined)?.tls
  const [pair] = tls?.certificates ?? []
  if (tls === undefined || pair === undefined) return []
  const { minVersion, suites13, suites12 } = offerOf(tls)
  return [
    directive('ssl_certificate', pair.cert),
    directive('ssl_certificate_key', pair.key),
    directive('ssl_protocols', ...(minVersion === 'TLSv1.2' ? ['TLSv1.2'] : []), 'TLSv1.3'),
    ...(minVersion === 'TLSv1.2' && suites12.length > 0 ? [directive('ssl_ciphers', suites12.join(':'))] : []),
    directive('ssl_conf_command', 'Ciphersuites', suites13.join(':')),
    ...(tls.ticketKeys === undefined ? [] : [directive('ssl_session_ticket_key', tls.ticketKeys)]),
    ...(tls.hsts === undefined
      ? []
      : [
          // nginx adds no header whose value is empty.
          block(
            'map',
            ['$https', '$limpet_transport_security'],
            [directive('default', ''), directive('on', formatHsts(tls.hsts))],
          ),
          directive('add_header', 'Strict-Transport-Security', '$limpet_transport_security', 'always'),
        ]),
  ]
}

/** What a `listen` line says of TLS. */
export function listenParameters({ tls }: Config['listeners'][number]): string[] {
  return tls === undefined ? [] : ['ssl', ...(tls.protocols.includes('h2') ? ['http2'] : [])]
}

/** The port to which a listener redirects everything; undefined if it serves. */
export function redirectPortOf({ redirectTo }: Config['listeners'][number]): number | undefined {
  return redirectTo === undefined || redirectTo === 'off' ? undefined : redirectTo.port
}

/** What a listener's server does that only redirects to HTTPS. */
export function redirectToHttps(port: number): Directive[] {
  const target = `https://$host${port === 443 ? '' : `:${port}`}$request_uri`
  return [
    block('if', ['($request_method', '!~', '^(GET|HEAD)$)'], [directive('return', 308, target)]),
    directive('return', 301, target),
  ]
}

/** TLS to a server. */
export function tlsTo({
  name,
  verify,
  ca = DEFAULT_AUTHORITIES,
}: {
  readonly name: string | undefined
  readonly verify: boolean
  readonly ca?: string | undefined
}): Directive[] {
  return [
    ...(name === undefined || isIP(name) !== 0
      ? []
      : [directive('proxy_ssl_server_name', 'on'), directive('proxy_ssl_name', name)]),
    directive('proxy_ssl_protocols', 'TLSv1.2', 'TLSv1.3'),
    ...(verify
      ? [
          directive('proxy_ssl_verify', 'on'),
          directive('proxy_ssl_verify_depth', LONGEST_CHAIN),
          directive('proxy_ssl_trusted_certificate', ca),
        ]
      : []),
  ]
}

/** TLS to the servers of an upstream. */
export function tlsToServers({ tls, servers }: Upstream): Directive[] {
  if (tls === undefined) return []
  const { ca, verify, cert, key } = tls
  const name = serverNameOf(tls, servers)
  return [
    ...tlsTo({ name, verify, ca }),
    ...(cert === undefined || key === undefined
      ? []
      : [directive('proxy_ssl_certificate', cert), directive('proxy_ssl_certificate_key', key)]),
  ]
}

/** The name that all servers are asked for; undefined if each is asked for another. */
export function serverNameOf(tls: Upstream['tls'], servers: Upstream['servers']): string | undefined {
  if (tls?.serverName !== undefined) return tls.serverName
  const hosts = new Set(servers.map(({ endpoint }) => ('host' in endpoint ? endpoint.host : undefined)))
  return hosts.size === 1 ? [...hosts][0] : undefined
}
