import { hexadecimal } from '../runtime/hexadecimal.ts'

const PERCENT = 0x25
const DOT = 0x2e
const SLASH = 0x2f
const SEMICOLON = 0x3b

/** Stands for the end of the text; it is no byte. */
const END = -1

/** The memory that paths are put together in, one after the other. */
let normal = Buffer.allocUnsafeSlow(1024)

/**
 * The normal form of a request's path, by which routes are matched (nginx's ngx_http_parse_complex_uri): percent-encoded
 * bytes decoded, an encoded slash or dot like a plain one, doubled slashes merged, dot segments resolved. Each byte is
 * read, written and taken back at most once.
 *
 * @param path begins with a slash; one character a byte
 * @returns undefined if there is none: a broken or NUL escape, a path that climbs above its root, or a segment `..;name`: a name to some
 *   readers, and `..` to those that take a parameter away first (servlet containers)
 */
export function normalisePath(path: string): string | undefined {
  if (normal.length < path.length + 1) normal = Buffer.allocUnsafeSlow(2 * path.length)
  /** Bytes written: the slashes and segments so far, and from `segment` on the current one. */
  let length = 0
  let segment = 0
  for (let at = 0; at <= path.length; at++) {
    let byte = at < path.length ? path.charCodeAt(at) : END
    if (byte === PERCENT) {
      byte = escapedByte(path, at)
      if (byte === 0) return undefined
      at += 2
    }
    if (byte !== SLASH && byte !== END) {
      normal[length++] = byte
      continue
    }
    const size = length - segment
    if (size === 1 && normal[segment] === DOT) {
      length = segment
    } else if (size === 2 && normal[segment] === DOT && normal[segment + 1] === DOT) {
      if (segment <= 1) return undefined
      length = segment - 1
      while (normal[length - 1] !== SLASH) length--
    } else if (size > 1 && hasDotsBeforeParameter(segment, length)) {
      return undefined
    } else if (byte === SLASH && (size > 0 || length === 0)) {
      normal[length++] = SLASH
    }
    segment = length
  }
  return normal.toString('latin1', 0, length)
}

/** Whether the segment `normal[from, to)` is one of dots but for a parameter. */
function hasDotsBeforeParameter(from: number, to: number): boolean {
  if (normal[from] !== DOT) return false
  const at = normal[from + 1] === DOT ? from + 2 : from + 1
  return at < to && normal[at] === SEMICOLON
}

/** The byte that the three characters at offset `at` stand for; 0 if they are not an escape. */
function escapedByte(path: string, at: number): number {
  const high = hexadecimal(path.charCodeAt(at + 1))
  const low = hexadecimal(path.charCodeAt(at + 2))
  return high < 0 || low < 0 ? 0 : 16 * high + low
}
