import type { ConnectionOptions } from '../http1/connection-options.ts'
import { type CookieNames, isBetweenPairs } from '../http1/cookie-names.ts'
import { FieldName } from '../http1/field-name.ts'
import type { Framing } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { Scratch } from '../transport/scratch.ts'
import { type Forwarding, isVouchedFor, writeForwarding } from './forwarding-fields.ts'
import {
  CHUNKED_LINE,
  CRLF,
  copyFields,
  copyTrailer,
  copyUpgrade,
  ending,
  hopByHop,
  isNamed,
  writeContentLength,
  writeLine,
} from './passed-fields.ts'

const VERSION_1_1 = Buffer.from(' HTTP/1.1\r\n')
const COOKIE = Buffer.from('Cookie: ')
const SEMICOLON = Buffer.from('; ')
const TE_LINES = Buffer.from('TE: trailers\r\nConnection: TE\r\n')

/** Framing is rewritten; the forwarding fields are replaced, or continued if they are trusted. */
const replaced = [
  ...hopByHop,
  FieldName.ContentLength,
  FieldName.Forwarded,
  FieldName.Imitation,
  FieldName.XClientCert,
  FieldName.XForwardedFor,
  FieldName.XForwardedHost,
  FieldName.XForwardedPort,
  FieldName.XForwardedProto,
  FieldName.XRequestId,
]

/** What else ends here, one bit each. */
const Unvouched = 1
const Cookies = 2
const Traced = 4
/** By these bits, what ends in a request. */
const endsInRequest = Array.from({ length: 8 }, (_, which) =>
  ending(
    ...replaced,
    // Unless a trusted proxy vouches for them, other fields that describe the client end here, too.
    ...(which & Unvouched ? [FieldName.XForwardedOther] : []),
    // If a cookie is this proxy's own, the Cookie fields are rewritten without it.
    ...(which & Cookies ? [FieldName.Cookie] : []),
    // If this proxy takes part in the trace, it is the parent of what the server does.
    ...(which & Traced ? [FieldName.Traceparent, FieldName.Tracestate] : []),
  ),
)

/**
 * Puts together the head that is sent to a server: the request line as the client wrote it (an absolute target becomes a
 * path), the client's fields without those that are for one hop, one framing field, and the forwarding fields.
 */
export function writeRequestHead(out: Scratch, head: RequestHead, framing: Framing, forwarding: Forwarding): void {
  const { bytes } = head
  const { options, edits } = forwarding
  const target = edits?.target
  const host = edits?.hasServersHost ? hostFor(forwarding.serverAddress) : edits?.host
  const keepsLine = head.form !== 'absolute' && head.minorVersion === 1 && target === undefined
  const keepsHost = head.form !== 'absolute' && host === undefined
  const ends = endsInRequest[whichEnd(forwarding)]!
  if (!keepsLine) writeRequestLine(out, head, target)
  copyFields(out, head, keepsLine ? head.start : firstField(head), ends, options, !keepsHost)
  if (!forwarding.ownCookies.isEmpty) copyCookies(out, head, forwarding.ownCookies, options)

  const hasHost = head.authorityEnd > head.authorityStart
  if (host !== undefined) out.text(`Host: ${host}\r\n`)
  else if (head.form === 'absolute') writeLine(out, 'Host: ', bytes, head.authorityStart, head.authorityEnd)
  else if (!hasHost) out.text(`Host: ${hostFor(forwarding.serverAddress)}\r\n`)
  if (framing < 0) {
    out.write(CHUNKED_LINE)
    copyTrailer(out, head, options)
  } else if (forwarding.hasBody || head.find(FieldName.ContentLength) >= 0) {
    writeContentLength(out, framing)
  }
  if (forwarding.upgrade) copyUpgrade(out, head)
  else if (forwarding.asksForTrailers) out.write(TE_LINES)

  writeForwarding(out, head, forwarding)
  if (edits !== undefined) out.text(edits.lines)
  out.write(CRLF)
}

function whichEnd(forwarding: Forwarding): number {
  return (
    (isVouchedFor(forwarding) ? 0 : Unvouched) |
    (forwarding.ownCookies.isEmpty ? 0 : Cookies) |
    (forwarding.trace === undefined ? 0 : Traced)
  )
}

/** A Unix socket has no host; nginx writes `localhost`. */
function hostFor(address: string): string {
  return address.startsWith('unix:/') ? 'localhost' : address
}

function writeRequestLine(out: Scratch, head: RequestHead, target: string | undefined): void {
  const { bytes } = head
  out.copy(bytes, head.start, head.targetStart)
  if (target !== undefined) out.text(target)
  else if (head.form === 'absolute') {
    // RFC 9112 §3.2.4: OPTIONS for a whole server becomes the asterisk.
    if (head.pathStart === head.pathEnd)
      out.text(head.method === 'OPTIONS' && head.pathEnd === head.targetEnd ? '*' : '/')
    out.copy(bytes, head.pathStart, head.targetEnd)
  } else {
    out.copy(bytes, head.targetStart, head.targetEnd)
  }
  out.write(VERSION_1_1)
}

function firstField(head: Head): number {
  return head.count > 0 ? head.nameStart(0) : head.end - CRLF.length
}

/** Writes the Cookie fields without the pairs of those names; what is between these stays unchanged. */
function copyCookies(out: Scratch, head: Head, without: CookieNames, options: ConnectionOptions): void {
  const { bytes } = head
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.Cookie || isNamed(field, options)) continue
    const to = head.valueEnd(field)
    const start = out.length
    let from = head.valueStart(field)
    while (without.find(bytes, from, to)) {
      copyPairs(out, bytes, from, without.start, out.length === start ? COOKIE : SEMICOLON)
      from = without.end
    }
    copyPairs(out, bytes, from, to, out.length === start ? COOKIE : SEMICOLON)
    if (out.length > start) out.write(CRLF)
  }
}

/** Writes `before` and the pairs in `bytes[from, to)`, if there are any. */
function copyPairs(out: Scratch, bytes: Buffer, from: number, to: number, before: Buffer): void {
  let start = from
  let end = to
  while (start < end && isBetweenPairs(bytes[start]!)) start++
  while (end > start && isBetweenPairs(bytes[end - 1]!)) end--
  if (start === end) return
  out.write(before)
  out.copy(bytes, start, end)
}
