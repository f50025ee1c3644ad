import { isIPv6 } from 'node:net'
import { DOT, ZERO } from '../http1/bytes.ts'

/** Where a client is: as it stands in logs and headers, and as octets (4 or 16), which policies go by. */
export interface ClientAddress {
  readonly text: string
  readonly octets: Uint8Array
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** The limited broadcast address (RFC 919): nobody's, and to nginx no address either. */
const BROADCAST = '255.255.255.255'

/**
 * Reads an IPv4 or IPv6 address. An IPv4-mapped one (`::ffff:10.0.0.1`) is IPv4.
 *
 * @returns undefined where the text is no client's address
 */
export function parseClientAddress(text: string): ClientAddress | undefined {
  const unmapped = text.startsWith('::') ? (MAPPED.exec(text)?.[1] ?? text) : text
  const octets = octetsOfIPv4(unmapped) ?? (isIPv6(unmapped) ? octetsOfIPv6(unmapped) : undefined)
  return octets === undefined || unmapped === BROADCAST ? undefined : { text: unmapped, octets }
}

/** Stands for a client that was gone before it could be asked. */
export const UNKNOWN_ADDRESS: ClientAddress = { text: '-', octets: new Uint8Array(4) }

/** Four decimal numbers without leading zeros; read by hand, since each new connection asks for it. */
function octetsOfIPv4(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(4)
  let octet = 0
  let digits = 0
  let index = 0
  for (let at = 0; at <= text.length; at++) {
    const digit = at < text.length ? text.charCodeAt(at) - ZERO : DOT - ZERO
    if (digit >= 0 && digit <= 9) {
      if (digits > 0 && octet === 0) return undefined
      octet = octet * 10 + digit
      digits++
      if (octet > 255) return undefined
    } else {
      if (digit !== DOT - ZERO || digits === 0 || index > 3) return undefined
      octets[index++] = octet
      octet = digits = 0
    }
  }
  return index === 4 ? octets : undefined
}

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
