import { hexadecimal } from './hexadecimal.ts'

/** An IPv4 or IPv6 address: as text in its canonical form (RFC 5952), for logs, and as 4 or 16 octets, for policies. */
export interface IpAddress {
  readonly text: string
  readonly octets: Uint8Array
}

/** The size of the memory that addresses share, in bytes. */
const SHARED = 1024

const ZERO = 0x30
const DOT = 0x2e
const COLON = 0x3a

/** The limited broadcast address (RFC 919): no client has it, and nginx does not take it for an address either. */
const BROADCAST = '255.255.255.255'

/** Stands for a client whose connection closed before its address could be read. */
export const UNKNOWN_ADDRESS: IpAddress = { text: '-', octets: new Uint8Array(4) }

/** Stands for a client on a Unix socket, which has no address: with nginx's text, and the octets of its `ip_hash`. */
export const UNIX_ADDRESS: IpAddress = { text: 'unix:', octets: new Uint8Array(4) }

/** Whether it is an address, rather than a stand-in for none. */
export function isAddress(address: IpAddress): boolean {
  return address !== UNKNOWN_ADDRESS && address !== UNIX_ADDRESS
}

/**
 * Reads an IPv4 or IPv6 address, without a zone. An IPv4-mapped one (`::ffff:10.0.0.1`) is IPv4. Read by hand, since
 * each new connection needs it, and behind a trusted proxy each request.
 *
 * @returns undefined if the text is not a client's address
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (!text.includes(':')) {
    const octets = octetsOfIPv4(text, 0)
    return octets === undefined || text === BROADCAST ? undefined : { text, octets }
  }
  const octets = octetsOfIPv6(text)
  return octets && ipAddressOf(octets)
}

/**
 * The address that these 4 or 16 octets are.
 *
 * @returns undefined if they are not a client's address
 */
export function ipAddressOf(octets: Uint8Array): IpAddress | undefined {
  if (octets.length === 16 && !isMapped(octets)) return { text: textOfIPv6(octets), octets }
  const four = octets.length === 4 ? octets : octets.slice(12)
  const text = `${four[0]}.${four[1]}.${four[2]}.${four[3]}`
  return text === BROADCAST ? undefined : { text, octets: four }
}

/** The sixteen octets of an address of either family: for IPv4, those of its mapped form. */
export function octetsAsIPv6(octets: Uint8Array): Uint8Array {
  if (octets.length === 16) return octets
  const mapped = new Uint8Array(16)
  mapped.fill(0xff, 10, 12)
  mapped.set(octets, 12)
  return mapped
}

/** `::ffff:0:0/96` (RFC 4291 §2.5.5.2). */
function isMapped(octets: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) {
    if (octets[i] !== 0) return false
  }
  return octets[10] === 0xff && octets[11] === 0xff
}

/** Addresses share the memory of their octets: an ArrayBuffer of its own for each would take more than all the rest of it. */
let shared = new ArrayBuffer(SHARED)
let taken = 0

/** Room for that many octets, which are zero. */
function roomFor(octets: 4 | 16): Uint8Array {
  if (taken + octets > SHARED) {
    shared = new ArrayBuffer(SHARED)
    taken = 0
  }
  const room = new Uint8Array(shared, taken, octets)
  taken += octets
  return room
}

/** Four decimal numbers without leading zeros, from offset `from` to the text's end. */
function octetsOfIPv4(text: string, from: number): Uint8Array | undefined {
  const octets = roomFor(4)
  let octet = 0
  let digits = 0
  let index = 0
  for (let at = from; at <= text.length; at++) {
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

/** RFC 4291 §2.2: groups of up to four hexadecimal digits, `::` once, and optionally the last four octets in decimal. */
function octetsOfIPv6(text: string): Uint8Array | undefined {
  const octets = roomFor(16)
  let length = 0
  /** Where to insert the zeros of `::`. */
  let gap = -1
  let at = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined
    gap = 0
    at = 2
  }
  while (at < text.length) {
    if (length === 16) return undefined
    const start = at
    let group = 0
    for (; at < text.length && text.charCodeAt(at) !== COLON; at++) {
      const digit = hexadecimal(text.charCodeAt(at))
      if (digit < 0 || at - start === 4) break
      group = group * 16 + digit
    }
    if (at < text.length && text.charCodeAt(at) !== COLON) {
      const last = length <= 12 ? octetsOfIPv4(text, start) : undefined
      if (last === undefined) return undefined
      octets.set(last, length)
      length += 4
      break
    }
    if (at === start) return undefined
    octets[length++] = group >> 8
    octets[length++] = group & 255
    if (at === text.length) break
    at++
    if (at === text.length) return undefined
    if (text.charCodeAt(at) !== COLON) continue
    if (gap >= 0) return undefined
    gap = length
    at++
  }
  if (gap < 0) return length === 16 ? octets : undefined
  if (length === 16) return undefined
  octets.copyWithin(16 - (length - gap), gap, length)
  octets.fill(0, gap, 16 - (length - gap))
  return octets
}

/** RFC 5952: lower-case letters, and `::` for the first of the longest runs of two or more groups of zeros. */
function textOfIPv6(octets: Uint8Array): string {
  let gap = 8
  let longest = 1
  for (let group = 0; group < 8; group++) {
    let run = 0
    while (group + run < 8 && groupAt(octets, group + run) === 0) run++
    if (run > longest) {
      gap = group
      longest = run
    }
    if (run > 0) group += run
  }
  let text = ''
  for (let group = 0; group < 8; group++) {
    if (group === gap) {
      text += '::'
      group += longest - 1
    } else {
      text += `${group === 0 || text.endsWith(':') ? '' : ':'}${groupAt(octets, group).toString(16)}`
    }
  }
  return text
}

function groupAt(octets: Uint8Array, group: number): number {
  return octets[2 * group]! * 256 + octets[2 * group + 1]!
}
