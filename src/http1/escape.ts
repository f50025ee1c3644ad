/** What stands for itself anywhere in an address (RFC 3986 §2.3). */
const UNRESERVED = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'

/** What may stand in a path as it is (§3.3). */
const inPath = tableOf(`${UNRESERVED}!$&'()*+,;=:@/`)
/** What may stand in the value of a parameter as it is, whatever separates parameters and whatever a plus means. */
const inParameter = tableOf(`${UNRESERVED}!$'()*,:@/`)
const inSegment = tableOf(UNRESERVED)
/** What an address is made of, escapes and separators included. */
const inAddress = tableOf(Array.from({ length: 0x7e - 0x20 }, (_, index) => String.fromCharCode(0x21 + index)).join(''))

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256)
  for (const character of characters) table[character.charCodeAt(0)] = 1
  return table
}

/** A path in normal form, one character a byte, as it is written in a target: percent-encoded. */
export function escapedPath(path: string): string {
  return escaped(path, inPath)
}

/** A text, one character a byte, as the value of a parameter in a query: it cannot end there. */
export function escapedParameter(text: string): string {
  return escaped(text, inParameter)
}

/** A text, one character a byte, as a segment of a path, or a part of one. */
export function escapedSegment(text: string): string {
  return escaped(text, inSegment)
}

/** An address that is complete but for what no address may have: spaces, control characters, bytes beyond ASCII. */
export function escapedAddress(address: string): string {
  return escaped(address, inAddress)
}

function escaped(text: string, isPlain: Uint8Array): string {
  let plain = 0
  while (plain < text.length && isPlain[text.charCodeAt(plain) & 0xff] === 1) plain++
  if (plain === text.length) return text
  let result = text.slice(0, plain)
  for (let at = plain; at < text.length; at++) {
    const code = text.charCodeAt(at) & 0xff
    result += isPlain[code] === 1 ? text[at] : `%${code.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return result
}
