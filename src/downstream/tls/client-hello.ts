/** The part of a ClientHello (RFC 8446 §4.1.2) by which a certificate is chosen. OpenSSL checks the rest of it. */
export interface ClientHello {
  /** The host that the client names (RFC 6066 §3), in lower case, without a final dot; empty if it names none. */
  readonly serverName: string
  /** The protocols that it offers by ALPN (RFC 7301). */
  readonly protocols: readonly string[]
}

/** A connection does not begin with a ClientHello that can be served. */
export class ClientHelloError extends Error {}

/** The content type of records of a handshake. */
const HANDSHAKE = 22
const CLIENT_HELLO = 1

const RECORD_HEADER = 5
const LARGEST_RECORD = 16 * 1024
const MOST_RECORDS = 16
const HANDSHAKE_HEADER = 4
/** Those of browsers have 2 kB, with keys that quantum computers cannot break. */
const LARGEST_HELLO = 16 * 1024
/** So many bytes contain a whole ClientHello, if they are one. */
export const LARGEST_START = LARGEST_HELLO + MOST_RECORDS * RECORD_HEADER

const SERVER_NAME = 0
const HOST_NAME = 0
const APPLICATION_PROTOCOLS = 16

/**
 * Reads a ClientHello, which may be spread over several records. What is wrong within it is left to OpenSSL, which tells the
 * client.
 *
 * @returns undefined if more bytes are needed
 * @throws ClientHelloError
 */
export function readClientHello(bytes: Buffer): ClientHello | undefined {
  const parts: Buffer[] = []
  let length = 0
  for (let at = 0; at + RECORD_HEADER <= bytes.length; ) {
    const next = at + RECORD_HEADER + bytes.readUInt16BE(at + 3)
    const part = bytes.subarray(at + RECORD_HEADER, next)
    if (bytes[at] !== HANDSHAKE || next - at > RECORD_HEADER + LARGEST_RECORD || parts.push(part) > MOST_RECORDS)
      throw new ClientHelloError('it does not begin with a ClientHello')
    length += part.length
    const end = endOfMessage(parts, length)
    if (length >= end) return parse(new Cursor(parts.length > 1 ? Buffer.concat(parts) : part, HANDSHAKE_HEADER, end))
    at = next
  }
  return undefined
}

/** Where the message in those parts ends; Infinity if they are too short to tell. */
function endOfMessage(parts: readonly Buffer[], length: number): number {
  if (length < HANDSHAKE_HEADER) return Infinity
  const header = parts.length > 1 ? Buffer.concat(parts, HANDSHAKE_HEADER) : parts[0]!
  if (header[0] !== CLIENT_HELLO) throw new ClientHelloError('it does not begin with a ClientHello')
  const end = HANDSHAKE_HEADER + header.readUIntBE(1, 3)
  if (end > LARGEST_HELLO) throw new ClientHelloError('its ClientHello is too large')
  return end
}

function parse(hello: Cursor): ClientHello {
  let serverName = ''
  let protocols: string[] = []
  // The version and the random bytes.
  hello.skip(2 + 32)
  // The session id, the cipher suites, and the methods of compression.
  hello.skip(hello.number(1))
  hello.skip(hello.number(2))
  hello.skip(hello.number(1))
  const extensions = hello.vector(2)
  while (!extensions.isAtEnd) {
    const type = extensions.number(2)
    const extension = extensions.vector(2)
    if (type === SERVER_NAME) serverName = hostIn(extension.vector(2))
    else if (type === APPLICATION_PROTOCOLS) protocols = protocolsIn(extension.vector(2))
  }
  return { serverName, protocols }
}

function hostIn(names: Cursor): string {
  while (!names.isAtEnd) {
    const type = names.number(1)
    const name = names.vector(2)
    if (type === HOST_NAME) return name.text().toLowerCase().replace(/\.$/, '')
  }
  return ''
}

function protocolsIn(list: Cursor): string[] {
  const protocols: string[] = []
  while (!list.isAtEnd) protocols.push(list.vector(1).text())
  return protocols
}

/** Reads what TLS's presentation language describes (RFC 8446 §3). Beyond the end there is nothing but zeros. */
class Cursor {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes
    this.#at = from
    this.#end = to
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  skip(length: number): void {
    this.#at = Math.min(this.#at + length, this.#end)
  }

  /** A number of so many bytes. */
  number(size: 1 | 2): number {
    const at = this.#at
    this.skip(size)
    if (at + size > this.#end) return 0
    return size === 1 ? this.#bytes[at]! : this.#bytes.readUInt16BE(at)
  }

  /** What a vector holds whose length is written in so many bytes. */
  vector(size: 1 | 2): Cursor {
    const length = this.number(size)
    const from = this.#at
    this.skip(length)
    return new Cursor(this.#bytes, from, this.#at)
  }

  /** Everything up to the end, one character a byte. */
  text(): string {
    return this.#bytes.toString('latin1', this.#at, this.#end)
  }
}
