import { formatAddressRange } from '../config/address-range.ts'
import type { Config } from '../config/schema.ts'
import { formatTrustedProxy } from '../config/trusted-proxy.ts'
import { block, type Directive, directive } from './directive.ts'

/** How nginx determines the client's address, and what it forwards about the client to servers. */
interface ClientAddress {
  readonly directives: readonly Directive[]
  /** The values of the X-Forwarded fields. */
  readonly forwardedFor: string
  readonly forwardedProto: string
  readonly forwardedHost: string
  readonly forwardedPort: string
  /** Names and values of the other fields in which proxies describe their clients; an empty value removes the field. */
  readonly claims: readonly (readonly [name: string, value: string])[]
}

/**
 * In which proxies describe their clients. Limpet matches these fields by prefix. nginx cannot, so these are the names that proxies and
 * servers commonly use.
 */
export const claims = [
  'X-Real-IP',
  ...['By', 'Client-Cert', 'Client-Ip', 'Email', 'Groups', 'Method', 'Path', 'Prefix', 'Protocol', 'Scheme', 'Server'],
  ...['Ssl', 'Tls-Client-Cert', 'Tls-Client-Cert-Info', 'Uri', 'User'],
].map((name) => (name.startsWith('X-') ? name : `X-Forwarded-${name}`))

/** Converts `trustedProxies` and `proxyProtocol` to directives of nginx's realip module. */
export function clientAddress({ listeners, trustedProxies }: Config): ClientAddress {
  if (listeners.some(({ proxyProtocol }) => proxyProtocol)) return byProxyProtocol(listeners)
  return trustedProxies.length === 0 ? noneTrusted : byForwardedFor(trustedProxies)
}

/** The variable with the port that the client connected to. */
const PORT = '$limpet_port'

const noneTrusted: ClientAddress = {
  directives: [],
  forwardedFor: '$proxy_add_x_forwarded_for',
  forwardedProto: '$scheme',
  forwardedHost: '$limpet_authority',
  forwardedPort: '$server_port',
  claims: claims.map((name) => [name, '']),
}

/** Trusts every peer of a listener with PROXY headers. Connections of other listeners have no such header. */
function byProxyProtocol(listeners: Config['listeners']): ClientAddress {
  const everyone = ['0.0.0.0/0', '::/0', ...(listeners.some((listener) => 'path' in listener) ? ['unix:'] : [])]
  return {
    ...noneTrusted,
    directives: [
      ...everyone.map((proxies) => directive('set_real_ip_from', proxies)),
      directive('real_ip_header', 'proxy_protocol'),
      block(
        'map',
        ['$proxy_protocol_server_port', PORT],
        [directive('default', '$proxy_protocol_server_port'), directive('', '$server_port')],
      ),
    ],
    forwardedPort: PORT,
  }
}

function byForwardedFor(proxies: Config['trustedProxies']): ClientAddress {
  const ranges = proxies.filter((proxy) => proxy !== 'unix:').map(formatAddressRange)
  const unix = proxies.includes('unix:')
  /** A map to the field's value if a trusted proxy sent it, else to nginx's own value. */
  const trustedField = (field: string, variable: string, own: string) =>
    block(
      'map',
      [`$limpet_trusted:$http_${field}`, variable],
      [directive('default', own), directive('~^1:(?<said>.+)$', '$said')],
    )
  const fieldOf = (name: string) => name.toLowerCase().replaceAll('-', '_')
  return {
    directives: [
      ...proxies.map((proxy) => directive('set_real_ip_from', formatTrustedProxy(proxy))),
      directive('real_ip_header', 'X-Forwarded-For'),
      directive('real_ip_recursive', 'on'),
      ...trusted(ranges, unix),
      trustedField('x_forwarded_proto', '$limpet_forwarded_proto', '$scheme'),
      trustedField('x_forwarded_host', '$limpet_forwarded_host', '$limpet_authority'),
      // If a trusted proxy sends the client's scheme, the client connected to a port of that proxy.
      block(
        'map',
        ['$limpet_trusted:$http_x_forwarded_proto:$limpet_forwarded_host', PORT],
        [
          directive('default', '$server_port'),
          directive('~^1:[^:]*[^:, \\t][^:]*:.*:(?<asked_port>[0-9]{1,5})$', '$asked_port'),
          directive('~*^1:(?:[^:]*[, \\t])?(?:https|wss):', 443),
          directive('~^1:[^:]*[^:, \\t]:', 80),
        ],
      ),
      trustedField('x_forwarded_port', '$limpet_forwarded_port', PORT),
      ...claims.map((name) => trustedField(fieldOf(name), `$limpet_${fieldOf(name)}`, '')),
      chain(unix),
    ],
    forwardedFor: '$limpet_forwarded_for',
    forwardedProto: '$limpet_forwarded_proto',
    forwardedHost: '$limpet_forwarded_host',
    forwardedPort: '$limpet_forwarded_port',
    claims: claims.map((name) => [name, `$limpet_${fieldOf(name)}`]),
  }
}

/** Whether the peer is a trusted proxy, as 0 or 1. */
function trusted(ranges: readonly string[], unix: boolean): Directive[] {
  const byAddress = (variable: string) =>
    block(
      'geo',
      ['$realip_remote_addr', variable],
      [directive('default', 0), ...ranges.map((range) => directive(range, 1))],
    )
  if (!unix) return [byAddress('$limpet_trusted')]
  // geo accepts only addresses, so a map adds unix:.
  const cases = [directive('default', '$limpet_trusted_address'), directive('unix:', 1)]
  return [byAddress('$limpet_trusted_address'), block('map', ['$realip_remote_addr', '$limpet_trusted'], cases)]
}

/** X-Forwarded-For with the peer appended. $proxy_add_x_forwarded_for would append the client's address again instead. */
function chain(unix: boolean): Directive {
  const own = '$realip_remote_addr'
  const continued = directive('default', `$http_x_forwarded_for, ${own}`)
  const [subject, cases] = unix
    ? [`${own} $http_x_forwarded_for`, [directive('~^unix: .', '$http_x_forwarded_for'), directive('~ $', own)]]
    : ['$http_x_forwarded_for', [directive('', own)]]
  return block('map', [subject, '$limpet_forwarded_for'], [continued, ...cases])
}
