import type { AddressRange } from '../runtime/address-range.ts'
import { ipAddressOf, parseIpAddress } from '../runtime/ip-address.ts'
import { InvalidValue } from './error.ts'

export const anAddressRange = 'an IP address or a range of them, such as 10.0.0.0/8'

/**
 * Reads a range of addresses in CIDR notation (RFC 4632 §3.1), or a single address. Throws InvalidValue, also where bits
 * beyond the prefix are set: `10.1.0.0/8` is probably a mistake.
 */
export function parseAddressRange(text: string): AddressRange {
  if (/[,;\s]/.test(text)) throw new InvalidValue(anAddressRange, 'one range per entry')
  const slash = text.indexOf('/')
  const written = slash < 0 ? text : text.slice(0, slash)
  const address = parseIpAddress(written)
  if (address === undefined) throw new InvalidValue(anAddressRange, hintFor(text))
  const { octets } = address
  const bits = written.includes(':') ? 128 : 32
  const prefix = slash < 0 ? bits : parsePrefix(text.slice(slash + 1), bits, written)
  // IPv4-mapped addresses are IPv4, so a range of them is too.
  const own = prefix - (bits - 8 * octets.length)
  const network = networkOf(octets, own)
  if (own < 0 || network.some((octet, index) => octet !== octets[index])) {
    const range = own < 0 ? '' : `${formatAddressRange({ octets: network, prefix: own })} for the range, or `
    throw new InvalidValue(
      `a range whose bits beyond the first ${prefix} are 0`,
      `write ${range}${address.text} for the address`,
    )
  }
  return { octets, prefix: own }
}

/** Writes the range as in the file; a single address without its prefix. */
export function formatAddressRange({ octets, prefix }: AddressRange): string {
  const { text } = ipAddressOf(octets)!
  return prefix === 8 * octets.length ? text : `${text}/${prefix}`
}

function parsePrefix(digits: string, bits: number, address: string): number {
  if (/^(?:0|[1-9]\d{0,2})$/.test(digits) && Number(digits) <= bits) return Number(digits)
  throw new InvalidValue(`a range with a prefix from 0 to ${bits}`, prefixOfMask(digits, address))
}

/** The hint for a netmask, as in `10.0.0.0/255.0.0.0`. */
function prefixOfMask(text: string, address: string): string | undefined {
  if (!/^\d+(?:\.\d+){3}$/.test(text)) return undefined
  const mask = text
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('')
  return /^1*0*$/.test(mask) && mask.length === 32 ? `write ${address}/${mask.indexOf('0')}` : undefined
}

/** The octets with all bits after the first `prefix` bits cleared. */
function networkOf(octets: Uint8Array, prefix: number): Uint8Array {
  return octets.map((octet, index) => octet & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * index))))
}

function hintFor(text: string): string | undefined {
  const [, bracketed, prefix = ''] = /^\[([^\]]*)\](?::\d+)?(\/\d+)?$/.exec(text) ?? []
  if (bracketed !== undefined) return `write ${bracketed}${prefix}`
  const [, host] = /^([\d.]+):\d+$/.exec(text) ?? []
  return host && parseIpAddress(host) && `write ${host}, without a port`
}
