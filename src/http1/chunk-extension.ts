import { BACKSLASH, EQUALS, FIELD_VALUE, isBlank, QUOTE, SEMICOLON, TOKEN } from './bytes.ts'

/** What was read last. */
const Place = {
  Size: 0,
  Semicolon: 1,
  Name: 2,
  BlankAfterName: 3,
  Equals: 4,
  Token: 5,
  Quoted: 6,
  Backslash: 7,
  QuotedEnd: 8,
  BlankAfterValue: 9,
  SizeOfServer: 10,
  Anything: 11,
} as const

/** Where the extensions of a client's chunk begin: after its size, with a semicolon. */
export const CLIENTS_EXTENSION: number = Place.Size
/** Where those of a server's chunk begin: some servers pad the size with white space. */
export const SERVERS_EXTENSION: number = Place.SizeOfServer
export const MALFORMED = -1

/**
 * Reads the extensions of a chunk byte by byte, after its size. Clients' extensions are read strictly by RFC 9112 §7.1.1,
 * `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`, but without white space before the first semicolon,
 * where some readers end the size and others refuse it. Servers' extensions may be any visible bytes.
 *
 * @param place what this returned for the byte before; CLIENTS_EXTENSION or SERVERS_EXTENSION at first
 * @returns MALFORMED if `byte` is not allowed there; a line end never is
 */
export function readExtension(place: number, byte: number): number {
  switch (place) {
    case Place.Size:
      return byte === SEMICOLON ? Place.Semicolon : MALFORMED
    case Place.SizeOfServer:
      if (isBlank(byte)) return Place.SizeOfServer
      return byte === SEMICOLON ? Place.Anything : MALFORMED
    case Place.Anything:
      return FIELD_VALUE[byte] === 1 ? Place.Anything : MALFORMED
    case Place.Semicolon:
      if (isBlank(byte)) return Place.Semicolon
      return TOKEN[byte] === 1 ? Place.Name : MALFORMED
    case Place.Name:
      return TOKEN[byte] === 1 ? Place.Name : afterName(byte)
    case Place.BlankAfterName:
      return afterName(byte)
    case Place.Equals:
      if (isBlank(byte)) return Place.Equals
      if (byte === QUOTE) return Place.Quoted
      return TOKEN[byte] === 1 ? Place.Token : MALFORMED
    case Place.Token:
      return TOKEN[byte] === 1 ? Place.Token : afterValue(byte)
    case Place.Quoted:
      if (byte === QUOTE) return Place.QuotedEnd
      if (byte === BACKSLASH) return Place.Backslash
      return FIELD_VALUE[byte] === 1 ? Place.Quoted : MALFORMED
    case Place.Backslash:
      return FIELD_VALUE[byte] === 1 ? Place.Quoted : MALFORMED
    default:
      return afterValue(byte)
  }
}

/** Whether the line may end there: after a name or a value, and after anything that a server wrote. */
export function mayEndExtension(place: number): boolean {
  switch (place) {
    case Place.Name:
    case Place.Token:
    case Place.QuotedEnd:
    case Place.SizeOfServer:
    case Place.Anything:
      return true
    default:
      return false
  }
}

function afterName(byte: number): number {
  if (byte === EQUALS) return Place.Equals
  if (byte === SEMICOLON) return Place.Semicolon
  return isBlank(byte) ? Place.BlankAfterName : MALFORMED
}

function afterValue(byte: number): number {
  if (byte === SEMICOLON) return Place.Semicolon
  return isBlank(byte) ? Place.BlankAfterValue : MALFORMED
}
