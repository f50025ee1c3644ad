import {
  BACKSLASH,
  COMMA,
  EQUALS,
  equalsIgnoringCase,
  isBlank,
  QUOTE,
  SEMICOLON,
  SPACE,
  TOKEN,
} from '../http1/bytes.ts'

const FOR = Buffer.from('for')
const PROTO = Buffer.from('proto')

/**
 * Where the last element of `bytes[from, to)`, a Forwarded field or what is left of one, begins. It is looked for from the
 * right, where the trusted proxy wrote: a quote that a client opened on the left and never closed cannot hide that.
 */
export function startOfLastElement(bytes: Uint8Array, from: number, to: number): number {
  let quoted = false
  let at = to
  while (at > from) {
    const byte = bytes[at - 1]
    if (byte === QUOTE && !isEscaped(bytes, from, at - 1)) quoted = !quoted
    else if (byte === COMMA && !quoted) break
    at--
  }
  return at
}

/** Whether there is an odd number of backslashes before offset `at`. */
function isEscaped(bytes: Uint8Array, from: number, at: number): boolean {
  let before = at
  while (before > from && bytes[before - 1] === BACKSLASH) before--
  return (at - before) % 2 === 1
}

/** One element of a Forwarded field (RFC 7239 §4): where the values of its parameters are, without their quotes. */
export class ForwardedElement {
  /** Equal to `forEnd` if there is no such parameter. */
  forStart = 0
  forEnd = 0
  protoStart = 0
  protoEnd = 0
  /** Where the last value that was read is. */
  #valueStart = 0
  #valueEnd = 0

  /** @returns whether `bytes[from, to)` is an element: `name=value`, separated by `;`, each name once */
  parse(bytes: Uint8Array, from: number, to: number): boolean {
    this.forStart = this.forEnd = this.protoStart = this.protoEnd = 0
    for (let at = from; ; at++) {
      at = afterSpace(bytes, at, to)
      if (at < to && bytes[at] !== SEMICOLON) {
        const name = at
        while (at < to && TOKEN[bytes[at]!] === 1) at++
        if (at === name || at >= to || bytes[at] !== EQUALS) return false
        const nameEnd = at
        at = this.#readValue(bytes, at + 1, to)
        if (at < 0 || !this.#take(bytes, name, nameEnd)) return false
        at = afterSpace(bytes, at, to)
      }
      if (at >= to) return true
      if (bytes[at] !== SEMICOLON) return false
    }
  }

  /**
   * A quoted string or a token. Values with colons and brackets should be quoted; many are not, which does no harm.
   *
   * @returns the offset after it, or -1 if there is none
   */
  #readValue(bytes: Uint8Array, from: number, to: number): number {
    let at = from
    if (bytes[at] !== QUOTE || at >= to) {
      while (at < to && isPlain(bytes[at]!)) at++
      this.#valueStart = from
      this.#valueEnd = at
      return at > from ? at : -1
    }
    at++
    this.#valueStart = at
    while (at < to && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
    this.#valueEnd = at
    return at < to ? at + 1 : -1
  }

  /** Notes the last value that was read, if its name is of interest; false if there was one of that name before. */
  #take(bytes: Uint8Array, name: number, nameEnd: number): boolean {
    if (equalsIgnoringCase(bytes, name, nameEnd, FOR)) {
      if (this.forStart > 0) return false
      this.forStart = this.#valueStart
      this.forEnd = this.#valueEnd
    } else if (equalsIgnoringCase(bytes, name, nameEnd, PROTO)) {
      if (this.protoStart > 0) return false
      this.protoStart = this.#valueStart
      this.protoEnd = this.#valueEnd
    }
    return true
  }
}

function isPlain(byte: number): boolean {
  return byte > SPACE && byte !== SEMICOLON && byte !== QUOTE && byte !== COMMA
}

function afterSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && isBlank(bytes[at]!)) at++
  return at
}
