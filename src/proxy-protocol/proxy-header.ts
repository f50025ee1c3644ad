import { CR, LF } from '../http1/bytes.ts'
import { type IpAddress, ipAddressOf, octetsAsIPv6, parseIpAddress } from '../runtime/ip-address.ts'
import type { ProxyProtocolVersion } from '../runtime/snapshot.ts'
import type { End } from '../transport/ends.ts'
import { crc32c } from './crc32c.ts'

/**
 * The PROXY protocol, versions 1 and 2, by HAProxy's proxy-protocol.txt: a header with which a proxy begins a connection, to
 * say which client it belongs to. Section numbers are those of that text.
 */
export interface ProxyHeader {
  /** The ends of the client's connection to the proxy; undefined if the connection is the proxy's own, or of an unknown kind. */
  readonly ends: { readonly source: End; readonly destination: End } | undefined
  /** Whether the client came to the proxy by TLS. */
  readonly isSecure: boolean
  /** Bytes of the header. */
  readonly length: number
}

/** A connection does not begin with a PROXY header. */
export class ProxyHeaderError extends Error {
  override readonly name = 'ProxyHeaderError'
}

/** The start of a header of version 2 (proxy-protocol.txt §2.2), and its command for a connection of the sender's own. */
const PROXY_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n')
const LOCAL = 0x20

/** §2.1: the longest line, with its end. */
const LONGEST_LINE = 107
/** Of version 2, in bytes: nginx's limit. The format allows more than any proxy needs. */
const LONGEST = 4096

const SIGNATURE_1 = Buffer.from('PROXY ')
/** Of version 2: the signature, version and command, family and protocol, and the length of what follows. */
const FIXED = 16

const PROXY = 0x21
const TCP4 = 0x11
const TCP6 = 0x21
/** How many bytes the addresses of a family take: unspecified (whatever follows is skipped), IPv4, IPv6, UNIX. */
const SIZES = [0, 12, 36, 216]
const TYPE_CRC32C = 0x03
const TYPE_SSL = 0x20
const CLIENT_SSL = 0x01

/**
 * Reads the header that `bytes` begin with.
 *
 * @returns undefined while more bytes are needed
 * @throws ProxyHeaderError
 */
export function decodeProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (beginsWith(bytes, PROXY_SIGNATURE)) return decodeVersion2(bytes)
  if (beginsWith(bytes, SIGNATURE_1)) return decodeVersion1(bytes)
  throw new ProxyHeaderError('it does not begin with a PROXY header')
}

/** Whether the bytes are those of `signature`, up to the end of the shorter one. */
function beginsWith(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length)
  return bytes.compare(signature, 0, length, 0, length) === 0
}

// ── version 1, §2.1 ────────────────────────────────────────────────────────────────────────────────────────────────

function decodeVersion1(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, LONGEST_LINE).indexOf(LF)
  if (end < 0) {
    if (bytes.length >= LONGEST_LINE) throw new ProxyHeaderError('its PROXY line is too long')
    return undefined
  }
  if (bytes[end - 1] !== CR) throw new ProxyHeaderError('its PROXY line does not end in CR LF')
  const words = bytes.toString('latin1', SIGNATURE_1.length, end - 1).split(' ')
  const length = end + 1
  // The rest of the line is to be ignored.
  if (words[0] === 'UNKNOWN') return { ends: undefined, isSecure: false, length }
  const [family, source = '', destination = '', sourcePort = '', destinationPort = ''] = words
  if ((family !== 'TCP4' && family !== 'TCP6') || words.length !== 5)
    throw new ProxyHeaderError('its PROXY line is malformed')
  const addressIn = (text: string) => (text.includes(':') === (family === 'TCP6') ? parseIpAddress(text) : undefined)
  const ends = {
    source: { address: known(addressIn(source)), port: portIn(sourcePort) },
    destination: { address: known(addressIn(destination)), port: portIn(destinationPort) },
  }
  return { ends, isSecure: false, length }
}

function portIn(digits: string): number {
  const port = /^(?:0|[1-9]\d{0,4})$/.test(digits) ? Number(digits) : Infinity
  if (port > 65_535) throw new ProxyHeaderError('its PROXY header has a port that is none')
  return port
}

function known(address: IpAddress | undefined): IpAddress {
  if (address === undefined) throw new ProxyHeaderError('its PROXY header has an address that is none')
  return address
}

// ── version 2, §2.2 ────────────────────────────────────────────────────────────────────────────────────────────────

function decodeVersion2(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < FIXED) return undefined
  const command = bytes[12]!
  const family = bytes[13]!
  const length = FIXED + bytes.readUInt16BE(14)
  if (command !== LOCAL && command !== PROXY)
    throw new ProxyHeaderError('its PROXY header has a version or a command that is unknown')
  if (command === PROXY && (family >> 4 > 3 || (family & 15) > 2))
    throw new ProxyHeaderError('its PROXY header has a family or a protocol that is unknown')
  if (length > LONGEST) throw new ProxyHeaderError(`its PROXY header is longer than ${LONGEST} bytes`)
  if (bytes.length < length) return undefined
  const header = bytes.subarray(0, length)
  // For the proxy's own connection, the rest has no meaning.
  if (command === LOCAL) return { ends: undefined, isSecure: false, length }
  const addresses = SIZES[family >> 4]!
  const isSecure = addresses > 0 && readVectors(header, FIXED + addresses)
  // Other protocols (UDP, UNIX sockets) have no address that a client of ours could have (§2.2: fall back to UNSPEC).
  const ends = family === TCP4 ? endsIn(header, 4) : family === TCP6 ? endsIn(header, 16) : undefined
  return { ends, isSecure, length }
}

function endsIn(header: Buffer, width: 4 | 16): ProxyHeader['ends'] {
  const destination = FIXED + width
  const ports = destination + width
  // Copied, because the memory is the socket's.
  const addressAt = (from: number) => known(ipAddressOf(Uint8Array.from(header.subarray(from, from + width))))
  return {
    source: { address: addressAt(FIXED), port: header.readUInt16BE(ports) },
    destination: { address: addressAt(destination), port: header.readUInt16BE(ports + 2) },
  }
}

/** Goes through the type-length-value vectors from offset `from` on; returns whether one says that the client used TLS. */
function readVectors(header: Buffer, from: number): boolean {
  if (from > header.length) throw new ProxyHeaderError('its PROXY header is too short for its addresses')
  let isSecure = false
  let isChecked = false
  for (let at = from; at < header.length; ) {
    const value = at + 3
    const end = value <= header.length ? value + header.readUInt16BE(at + 1) : Infinity
    if (end > header.length) throw new ProxyHeaderError('its PROXY header ends in the middle of a value')
    if (header[at] === TYPE_SSL && end > value) isSecure = (header[value]! & CLIENT_SSL) !== 0
    else if (header[at] === TYPE_CRC32C) {
      // Each one takes a pass over the whole header.
      if (isChecked) throw new ProxyHeaderError('its PROXY header has two checksums')
      if (end !== value + 4 || !hasChecksumAt(header, value))
        throw new ProxyHeaderError('its PROXY header has another checksum than it says')
      isChecked = true
    }
    at = end
  }
  return isSecure
}

/** §2.2.3: the checksum is that of the header with zeros in its own place. */
function hasChecksumAt(header: Buffer, at: number): boolean {
  const copy = Buffer.from(header)
  copy.writeUInt32BE(0, at)
  return crc32c(copy) === header.readUInt32BE(at)
}

/** The header for a connection that is opened on behalf of a client. Where one end is IPv6, both are written so. */
export function encodeProxyHeader(version: ProxyProtocolVersion, source: End, destination: End): Buffer {
  const width = source.address.octets.length === 4 && destination.address.octets.length === 4 ? 4 : 16
  return version === 'v1' ? encodeVersion1(source, destination, width) : encodeVersion2(source, destination, width)
}

function encodeVersion1(source: End, destination: End, width: 4 | 16): Buffer {
  const written = ({ text, octets }: IpAddress) => (octets.length < width ? `::ffff:${text}` : text)
  const addresses = `${written(source.address)} ${written(destination.address)}`
  return Buffer.from(`PROXY TCP${width === 4 ? 4 : 6} ${addresses} ${source.port} ${destination.port}\r\n`)
}

function encodeVersion2(source: End, destination: End, width: 4 | 16): Buffer {
  const size = 2 * width + 4
  const header = Buffer.alloc(FIXED + size)
  header.set(PROXY_SIGNATURE)
  header.set([PROXY, width === 4 ? TCP4 : TCP6, 0, size], PROXY_SIGNATURE.length)
  const octetsOf = ({ address: { octets } }: End) => (width === 4 ? octets : octetsAsIPv6(octets))
  header.set(octetsOf(source), FIXED)
  header.set(octetsOf(destination), FIXED + width)
  header.writeUInt16BE(source.port, FIXED + 2 * width)
  header.writeUInt16BE(destination.port, FIXED + 2 * width + 2)
  return header
}

/** The PROXY header of a connection that is on behalf of no client, such as a health check's. */
export function localHeader(version: ProxyProtocolVersion): Buffer {
  if (version === 'v1') return Buffer.from('PROXY UNKNOWN\r\n')
  return Buffer.from([...PROXY_SIGNATURE, LOCAL, 0, 0, 0])
}
