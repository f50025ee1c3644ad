import { isIPv4, isIPv6 } from 'node:net'

/** Where a client is: as it stands in logs and headers, and as octets (4 or 16), which policies go by. */
export interface ClientAddress {
  readonly text: string
  readonly octets: Uint8Array
}

/** The limited broadcast address (RFC 919): nobody's, and to nginx no address either. */
const BROADCAST = '255.255.255.255'

/**
 * Reads an IPv4 or IPv6 address. An IPv4-mapped one (`::ffff:10.0.0.1`) is IPv4.
 *
 * @returns undefined where the text is no client's address
 */
export function parseClientAddress(text: string): ClientAddress | undefined {
  const unmapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1] ?? text
  if (isIPv4(unmapped) && unmapped !== BROADCAST) {
    return { text: unmapped, octets: Uint8Array.from(unmapped.split('.'), Number) }
  }
  return isIPv6(unmapped) ? { text: unmapped, octets: octetsOfIPv6(unmapped) } : undefined
}

/** Stands for a client that was gone before it could be asked. */
export const UNKNOWN_ADDRESS: ClientAddress = { text: '-', octets: new Uint8Array(4) }

function octetsOfIPv6(text: string): Uint8Array {
  const [before = '', after] = text
    .replace(/%.*$/, '')
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
      [a * 256 + +b, c * 256 + +d].map((n) => n.toString(16)).join(':'),
    )
    .split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const groups = [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  return Uint8Array.from(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]))
}
