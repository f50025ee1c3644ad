const SPACE = 0x20
const HASH = 0x23
const PERCENT = 0x25
const AMPERSAND = 0x26
const ASTERISK = 0x2a
const PLUS = 0x2b
const SLASH = 0x2f
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUESTION = 0x3f
const BRACKET = 0x5b

/** The number of asterisks that replace a value of any length. */
const ASTERISKS = 3

/** Bytes after which the name of a parameter may start. */
const SEPARATOR = new Uint8Array(256)
for (const byte of [QUESTION, AMPERSAND, SEMICOLON, HASH]) SEPARATOR[byte] = 1

const PROTOCOL = Buffer.from(' HTTP/')

/**
 * Replaces the values of certain parameters in logged URLs: in a query (`?name=value&…`) and in a path (`;name=value`).
 * It replaces too much rather than too little: names match case-insensitively and after percent-decoding, `name[…]` matches
 * `name`, and the parameters of a URL inside a value match too. Linear in the number of bytes.
 */
export class Redaction {
  /** The bytes of the names in lower case, indexed by their first byte. */
  readonly #names: Uint8Array[][] = Array.from({ length: 256 }, () => [])
  /** The result of the last call that replaced a value. */
  #copy = Buffer.alloc(0)

  /** @param names the decoded names, as applications see them */
  constructor(names: readonly string[]) {
    for (const name of names) {
      const bytes = Buffer.from(name).map(lower)
      this.#names[bytes[0]!]!.push(bytes)
    }
  }

  /** Redacts a request line, or whatever a client sent as one. The result is valid until the next call. */
  requestLine(bytes: Buffer, from: number, to: number): Buffer {
    let space = to - 1
    while (space >= from && bytes[space] !== SPACE) space--
    const hasProtocol = space >= from && PROTOCOL.every((byte, index) => bytes[space + index] === byte)
    return this.#redact(bytes, from, hasProtocol ? space : to, to)
  }

  /** Redacts a URL, or any part of one. The result is valid until the next call. */
  url(bytes: Buffer, from: number, to: number): Buffer {
    return this.#redact(bytes, from, to, to)
  }

  /** Redacts the bytes from `from` to `to`. The URL in them ends at `urlEnd`. */
  #redact(bytes: Buffer, from: number, urlEnd: number, to: number): Buffer {
    let length = 0
    let copied = from
    let inPath = true
    for (let at = from; at < urlEnd; at++) {
      const byte = bytes[at]!
      if (SEPARATOR[byte] === 0) continue
      if (byte === QUESTION || byte === HASH) inPath = false
      const value = this.#valueOfSecret(bytes, at + 1, urlEnd)
      if (value < 0) continue
      const end = endOfValue(bytes, value, urlEnd, inPath)
      if (end === value) continue
      if (length === 0) this.#reserve(2 * (to - from))
      length = this.#append(bytes, copied, value, length)
      for (let i = 0; i < ASTERISKS; i++) this.#copy[length++] = ASTERISK
      copied = end
      at = end - 1
    }
    if (length === 0) return bytes.subarray(from, to)
    return this.#copy.subarray(0, this.#append(bytes, copied, to, length))
  }

  /** The start of the value of the parameter whose name starts at `from`, if it is one of the names; else -1. */
  #valueOfSecret(bytes: Buffer, from: number, to: number): number {
    let equals = from
    while (equals < to && bytes[equals] !== EQUALS && SEPARATOR[bytes[equals]!] === 0) equals++
    if (equals === to || bytes[equals] !== EQUALS) return -1
    for (const name of this.#names[lower(decoded(bytes, from, equals))]!) {
      if (isNamed(bytes, from, equals, name)) return equals + 1
    }
    return -1
  }

  #append(bytes: Buffer, from: number, to: number, length: number): number {
    const copy = this.#copy
    for (let at = from; at < to; at++) copy[length++] = bytes[at]!
    return length
  }

  /** A value of one byte becomes three bytes, and its parameter has at least three more, so twice the size is enough. */
  #reserve(size: number): void {
    if (this.#copy.length < size) this.#copy = Buffer.alloc(size)
  }
}

function isNamed(bytes: Buffer, from: number, to: number, name: Uint8Array): boolean {
  let index = 0
  for (let at = from; at < to; at++) {
    const byte = decoded(bytes, at, to)
    if (bytes[at] === PERCENT && isEscape(bytes, at, to)) at += 2
    if (index === name.length) return byte === BRACKET
    if (lower(byte) !== name[index++]) return false
  }
  return index === name.length
}

function endOfValue(bytes: Buffer, from: number, to: number, inPath: boolean): number {
  let at = from
  while (at < to) {
    const byte = bytes[at]!
    if (byte === HASH || (inPath ? byte === SLASH || byte === SEMICOLON || byte === QUESTION : byte === AMPERSAND))
      break
    at++
  }
  return at
}

/** The byte at `at`, percent-decoded. */
function decoded(bytes: Buffer, at: number, to: number): number {
  const byte = bytes[at]!
  if (byte === PLUS) return SPACE
  return byte === PERCENT && isEscape(bytes, at, to) ? 16 * digit(bytes[at + 1]!) + digit(bytes[at + 2]!) : byte
}

function isEscape(bytes: Buffer, at: number, to: number): boolean {
  return at + 2 < to && digit(bytes[at + 1]!) >= 0 && digit(bytes[at + 2]!) >= 0
}

/** The value of a hexadecimal digit; -1 for any other byte. */
function digit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = lower(byte)
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}
