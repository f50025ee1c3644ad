/** The bytes that HTTP/1.1's grammar names, and tables of the bytes that are allowed in each place (RFC 9110 §5.6.2, §5.5). */
export const TAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SPACE = 0x20
export const QUOTE = 0x22
export const HASH = 0x23
export const PERCENT = 0x25
export const ASTERISK = 0x2a
export const COMMA = 0x2c
export const HYPHEN = 0x2d
export const DOT = 0x2e
export const SLASH = 0x2f
export const ZERO = 0x30
export const NINE = 0x39
export const COLON = 0x3a
export const SEMICOLON = 0x3b
export const EQUALS = 0x3d
export const QUESTION = 0x3f
export const AT = 0x40
export const BACKSLASH = 0x5c
export const UNDERSCORE = 0x5f

function table(allows: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (allows(byte) ? 1 : 0))
}

const among = (characters: string) => (byte: number) => characters.includes(String.fromCharCode(byte))
const isAlphanumeric = (byte: number) => /[0-9A-Za-z]/.test(String.fromCharCode(byte))
const isTokenMark = among("!#$%&'*+-.^_`|~")

/** `tchar`: the bytes of a method and of a field's name. */
export const TOKEN = table((byte) => isAlphanumeric(byte) || isTokenMark(byte))

/** `field-vchar`, space, tab and obs-text: the bytes of a field's value and of a reason phrase. */
export const FIELD_VALUE = table((byte) => byte === TAB || (byte >= SPACE && byte !== 0x7f))

/** Visible ASCII without `#`: the bytes of a request's target, a little wider than RFC 3986, as browsers send it. */
export const TARGET = table((byte) => byte > SPACE && byte < 0x7f && byte !== HASH)

const isHostMark = among("-._~!$&'()*+;=%")
/**
 * The bytes of a registered name or an IPv4 address in an authority (RFC 3986 §3.2.2), without the comma: a value that
 * contains one is two hosts joined into a list.
 */
export const HOST_NAME = table((byte) => isAlphanumeric(byte) || isHostMark(byte))

/** The bytes of an IPv6 address; a zone means nothing on the wire. */
export const IP_LITERAL = table(among('0123456789abcdefABCDEF:.'))

/** The value of a hexadecimal digit; 255 for any other byte. */
export const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16)
  return Number.isNaN(value) ? 255 : value
})

/** The bytes of optional and of bad white space (RFC 9110 §5.6.3). */
export const isBlank = (byte: number): boolean => byte === SPACE || byte === TAB

export const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE

/** Makes ASCII letters lower case, for comparing with a lower-case name; other bytes of a token compare as before. */
export const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)

/** Whether `bytes[from, to)` is `word` (lower case), ignoring case. */
export function equalsIgnoringCase(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  if (to - from !== word.length) return false
  for (let i = 0; i < word.length; i++) {
    if (lower(bytes[from + i]!) !== word[i]) return false
  }
  return true
}
