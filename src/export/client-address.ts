import { formatAddressRange } from '../config/address-range.ts'
import type { Config } from '../config/schema.ts'
import { block, type Directive, directive } from './directive.ts'

/** What nginx is to tell servers of the client, and how it gets to know that itself. */
interface ClientAddress {
  readonly directives: readonly Directive[]
  /** The values of the X-Forwarded fields. */
  readonly forwardedFor: string
  readonly forwardedProto: string
  readonly forwardedHost: string
}

/** `trustedProxies` and `proxyProtocol` in the words of nginx's realip module. */
export function clientAddress({ listeners, trustedProxies }: Config): ClientAddress {
  if (listeners.some(({ proxyProtocol }) => proxyProtocol)) return { ...nobodyTrusted, directives: byProxyProtocol }
  return trustedProxies.length === 0 ? nobodyTrusted : byForwardedFor(trustedProxies.map(formatAddressRange))
}

const nobodyTrusted: ClientAddress = {
  directives: [],
  forwardedFor: '$proxy_add_x_forwarded_for',
  forwardedProto: '$scheme',
  forwardedHost: '$limpet_authority',
}

/** Whoever reaches such a listener is believed; connections of other listeners have no header to believe. */
const byProxyProtocol: readonly Directive[] = [
  directive('set_real_ip_from', '0.0.0.0/0'),
  directive('set_real_ip_from', '::/0'),
  directive('real_ip_header', 'proxy_protocol'),
]

function byForwardedFor(ranges: readonly string[]): ClientAddress {
  /** A map to the field's value where a trusted proxy wrote it, else to what nginx says itself. */
  const believed = (field: string, variable: string, own: string) =>
    block(
      'map',
      [`$limpet_trusted:$http_${field}`, variable],
      [directive('default', own), directive(`~^1:(?<said_${field}>.+)$`, `$said_${field}`)],
    )
  return {
    directives: [
      ...ranges.map((range) => directive('set_real_ip_from', range)),
      directive('real_ip_header', 'X-Forwarded-For'),
      directive('real_ip_recursive', 'on'),
      block(
        'geo',
        ['$realip_remote_addr', '$limpet_trusted'],
        [directive('default', 0), ...ranges.map((range) => directive(range, 1))],
      ),
      believed('x_forwarded_proto', '$limpet_forwarded_proto', '$scheme'),
      believed('x_forwarded_host', '$limpet_forwarded_host', '$limpet_authority'),
      // $proxy_add_x_forwarded_for would add the client's address once more, instead of the peer's.
      block(
        'map',
        ['$http_x_forwarded_for', '$limpet_forwarded_for'],
        [directive('default', '$http_x_forwarded_for, $realip_remote_addr'), directive('', '$realip_remote_addr')],
      ),
    ],
    forwardedFor: '$limpet_forwarded_for',
    forwardedProto: '$limpet_forwarded_proto',
    forwardedHost: '$limpet_forwarded_host',
  }
}
