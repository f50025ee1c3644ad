import { HYPHEN, lower, UNDERSCORE } from '../http1/bytes.ts'
import type { Head } from '../http1/head.ts'
import { readTrailers } from '../http1/trailers.ts'
import type { Scratch } from '../transport/scratch.ts'
import type { HeadEdits } from './head-edits.ts'
import { CRLF } from './passed-fields.ts'

/**
 * Fields that mean nothing after a body, or whose recipient has decided by then (RFC 9110 §6.5.1): framing, connection,
 * routing, authentication, request modifiers, response controls and content. Those that say who the client is, or speak to
 * Limpet, are Limpet's own to write or to read.
 */
const unfit = [
  'age',
  'authorization',
  'cache-control',
  'connection',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'http2-settings',
  'if',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy-connection',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'warning',
  'www-authenticate',
  'x-real-ip',
  'x-request-id',
].map((name) => Buffer.from(name))

/** The same for every name that begins so. */
const unfitFamilies = ['accept', 'content-', 'if-', 'limpet-', 'proxy-auth', 'x-client-cert', 'x-forwarded'].map(
  (name) => Buffer.from(name),
)
/** The one of a family that is made to follow its content (RFC 9530 §6.3). */
const CONTENT_DIGEST = Buffer.from('content-digest')

/**
 * The trailers that may be passed on (RFC 9110 §6.5.1, RFC 9112 §7.1.2); undefined if there are none. They are valid until
 * the next ones are asked for.
 *
 * @param options the text of the Connection fields of their message, which may name trailers, too (RFC 9110 §7.6.1)
 * @param edits of the head of their message: a field that ends there does not go on as a trailer, which many applications take for it
 */
export function passedTrailers(trailers: Head | undefined, options: string, edits?: HeadEdits): Head | undefined {
  if (trailers === undefined || trailers.count === 0) return undefined
  const named = options === '' ? undefined : namesIn(options)
  let fit = 0
  for (let field = 0; field < trailers.count; field++) {
    if (isFit(trailers, field, named, edits)) fit++
  }
  if (fit === trailers.count) return trailers
  return fit === 0 ? undefined : withoutUnfit(trailers, named, edits)
}

function withoutUnfit(trailers: Head, named: ReadonlySet<string> | undefined, edits: HeadEdits | undefined): Head {
  const lines: Buffer[] = []
  for (let field = 0; field < trailers.count; field++) {
    if (isFit(trailers, field, named, edits))
      lines.push(trailers.bytes.subarray(trailers.nameStart(field), trailers.lineEnd(field)))
  }
  return readTrailers(Buffer.concat([...lines, CRLF]))
}

function isFit(
  trailers: Head,
  field: number,
  named: ReadonlySet<string> | undefined,
  edits: HeadEdits | undefined,
): boolean {
  const { bytes } = trailers
  const from = trailers.nameStart(field)
  const to = trailers.nameEnd(field)
  for (let i = 0; i < unfit.length; i++) {
    if (unfit[i]!.length === to - from && beginsLike(bytes, from, to, unfit[i]!)) return false
  }
  for (let i = 0; i < unfitFamilies.length; i++) {
    if (beginsLike(bytes, from, to, unfitFamilies[i]!)) return isContentDigest(bytes, from, to)
  }
  if (edits?.removes(bytes.toString('latin1', from, to)) === true) return false
  return named === undefined || !named.has(bytes.toString('latin1', from, to).toLowerCase())
}

function isContentDigest(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from === CONTENT_DIGEST.length && beginsLike(bytes, from, to, CONTENT_DIGEST)
}

/**
 * Whether `bytes[from, to)` begins with `letters`, ignoring case. An underscore counts as a hyphen: servers that turn names into
 * variables cannot tell the two apart.
 */
function beginsLike(bytes: Uint8Array, from: number, to: number, letters: Uint8Array): boolean {
  if (to - from < letters.length) return false
  for (let i = 0; i < letters.length; i++) {
    const byte = bytes[from + i]!
    if (lower(byte) !== letters[i] && (byte !== UNDERSCORE || letters[i] !== HYPHEN)) return false
  }
  return true
}

function namesIn(options: string): ReadonlySet<string> {
  return new Set(
    options
      .toLowerCase()
      .split(',')
      .map((option) => option.trim()),
  )
}

/** Writes a trailer section: what follows the line of the last chunk (RFC 9112 §7.1.2). */
export function writeTrailerSection(out: Scratch, trailers: Head | undefined): void {
  if (trailers === undefined) out.write(CRLF)
  else out.copy(trailers.bytes, trailers.start, trailers.end)
}
