import { COLON, isDigit, SPACE, ZERO } from '../http1/bytes.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import { type CookieNames, isBetweenPairs } from '../http1/cookie-names.ts'
import { FieldName } from '../http1/field-name.ts'
import { CHUNKED, type Framing } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { UNIX_ADDRESS } from '../runtime/ip-address.ts'
import type { ClientAddressSource } from '../runtime/snapshot.ts'
import type { Scratch } from '../transport/scratch.ts'
import { httpDate } from './http-date.ts'

/** A flag for each FieldName: whether a field ends here instead of being passed on. */
function ending(...names: number[]): Uint8Array {
  const flags = new Uint8Array(Object.keys(FieldName).length)
  for (const name of names) flags[name] = 1
  return flags
}

const hopByHop = [
  FieldName.Connection,
  FieldName.KeepAlive,
  FieldName.ProxyConnection,
  FieldName.Te,
  FieldName.Trailer,
  FieldName.TransferEncoding,
  FieldName.Upgrade,
]

/** Framing is written anew; the forwarding fields are replaced, or continued where they are believed. */
const replaced = [
  ...hopByHop,
  FieldName.ContentLength,
  FieldName.Forwarded,
  FieldName.Imitation,
  FieldName.XForwardedFor,
  FieldName.XForwardedHost,
  FieldName.XForwardedPort,
  FieldName.XForwardedProto,
  FieldName.XRequestId,
]

/** Where a cookie is this proxy's own, the others are written anew. */
const endsInRequest = { cookiesPass: ending(...replaced), cookiesEnd: ending(...replaced, FieldName.Cookie) }
/** What else is said of the client ends, where nobody vouches for it. */
const endsInUnvouchedRequest = {
  cookiesPass: ending(...replaced, FieldName.XForwardedOther),
  cookiesEnd: ending(...replaced, FieldName.XForwardedOther, FieldName.Cookie),
}

const endsInResponse = ending(...hopByHop, FieldName.ContentLength)

const line = (text: string) => Buffer.from(`${text}\r\n`, 'latin1')
const CRLF = line('')
const VERSION_1_1 = line(' HTTP/1.1')
const CHUNKED_LINE = line('Transfer-Encoding: chunked')
const CLOSE_LINE = line('Connection: close')
const KEEP_ALIVE_LINE = line('Connection: keep-alive')
const UPGRADE_LINE = line('Connection: upgrade')

/** The one final status whose Upgrade field its client needs (RFC 9110 §15.5.22). */
const UPGRADE_REQUIRED = 426

/** What a request's forwarding fields are made of. */
export interface Forwarding {
  /** The client's address. */
  readonly client: string
  /** Whether the client came by HTTPS. */
  readonly isSecure: boolean
  /** The port that it came to; 0 where that is not known here. */
  readonly port: number
  /** The address at the other end of the connection. */
  readonly peer: string
  /** The request's own forwarding fields that are believed: those of a trusted proxy, of the kind that it writes. */
  readonly believed: ClientAddressSource | undefined
  readonly requestId: string
  /** Stands in for Host where a request (HTTP/1.0) has none. */
  readonly serverAddress: string
  /** Whether the request's wish to switch protocols goes on to the server. */
  readonly upgrade: boolean
  /** Names of the cookies that are between clients and this proxy, whichever upstream they are for. */
  readonly ownCookies: CookieNames
}

/**
 * Puts together the head that a server gets: the request line as the client wrote it (an absolute target becomes a
 * path), the client's fields without those that are for one hop, one framing field, and the forwarding fields.
 */
export function writeRequestHead(
  out: Scratch,
  head: RequestHead,
  options: ConnectionOptions,
  framing: Framing,
  forwarding: Forwarding,
): void {
  const { bytes } = head
  const asItCame = head.form !== 'absolute' && head.minorVersion === 1
  const fields = isVouchedFor(forwarding) ? endsInRequest : endsInUnvouchedRequest
  const ends = forwarding.ownCookies.isEmpty ? fields.cookiesPass : fields.cookiesEnd
  if (!asItCame) writeRequestLine(out, head)
  copyFields(out, head, asItCame ? head.start : firstField(head), ends, options, head.form === 'absolute')
  if (!forwarding.ownCookies.isEmpty) copyCookies(out, head, forwarding.ownCookies, options)

  const hasHost = head.authorityEnd > head.authorityStart
  if (head.form === 'absolute') writeLine(out, 'Host: ', bytes, head.authorityStart, head.authorityEnd)
  else if (!hasHost) out.text(`Host: ${hostFor(forwarding.serverAddress)}\r\n`)
  if (framing === CHUNKED) out.write(CHUNKED_LINE)
  else if (framing > 0 || head.find(FieldName.ContentLength) >= 0) out.text(`Content-Length: ${framing}\r\n`)
  if (forwarding.upgrade) copyUpgrade(out, head)

  writeForwarding(out, head, forwarding)
  out.write(CRLF)
}

/** A Unix socket has no host; nginx says this. */
function hostFor(address: string): string {
  return address.startsWith('unix:/') ? 'localhost' : address
}

const COOKIE = Buffer.from('Cookie: ')
const SEMICOLON = Buffer.from('; ')

/** Writes the Cookie fields without the pairs of those names; what stands between these stays as it came. */
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

/**
 * Tells the server who the client is, and what it asked for. X-Forwarded-For grows by the peer's address, whoever wrote the
 * rest of it, as in nginx; the other fields are a trusted proxy's, or written anew.
 */
function writeForwarding(out: Scratch, head: RequestHead, forwarding: Forwarding): void {
  const { client, peer, believed } = forwarding
  const vouched = isVouchedFor(forwarding)
  const hasProto = vouched && writeList(out, head, FieldName.XForwardedProto, 'X-Forwarded-Proto: ')
  const hasPort = vouched && writeList(out, head, FieldName.XForwardedPort, 'X-Forwarded-Port: ')
  const hasHost = vouched && writeList(out, head, FieldName.XForwardedHost, 'X-Forwarded-Host: ')
  const isUnnamed = believed !== undefined && peer === UNIX_ADDRESS.text
  if (believed === 'forwarded') writeForwarded(out, head, peer, isUnnamed)

  out.text('X-Forwarded-For: ')
  if (believed !== 'forwarded') {
    writePeer(out, writeMembers(out, head, FieldName.XForwardedFor), peer, isUnnamed)
  } else {
    // What came in X-Forwarded-For is nobody's word here. This is, for servers that know no other field.
    if (client !== peer) out.text(client)
    writePeer(out, client !== peer, peer, isUnnamed)
  }
  const proto = hasProto ? '' : `X-Forwarded-Proto: ${forwarding.isSecure ? 'https' : 'http'}\r\n`
  const port = hasPort ? '' : `X-Forwarded-Port: ${forwarding.port || portAskedFor(head, forwarding, hasHost)}\r\n`
  out.text(`\r\n${proto}${port}X-Request-Id: ${forwarding.requestId}\r\n`)
  if (!hasHost && head.authorityEnd > head.authorityStart)
    writeLine(out, 'X-Forwarded-Host: ', head.bytes, head.authorityStart, head.authorityEnd)
}

/** Whether what X-Forwarded fields say is a trusted proxy's word. */
function isVouchedFor({ believed }: Forwarding): boolean {
  return believed === 'x-forwarded-for'
}

/** The port in what is X-Forwarded-Host for the server, else that of the scheme. */
function portAskedFor(head: RequestHead, { isSecure }: Forwarding, hasHost: boolean): number {
  const field = hasHost ? head.findLast(FieldName.XForwardedHost) : -1
  const port =
    field < 0
      ? portIn(head.bytes, head.authorityStart, head.authorityEnd)
      : portIn(head.bytes, head.valueStart(field), head.valueEnd(field))
  return port || (isSecure ? 443 : 80)
}

/** The digits behind the last colon, where nothing else is; 0 for none that make a port. */
function portIn(bytes: Uint8Array, from: number, to: number): number {
  let port = 0
  let unit = 1
  for (let at = to - 1; at > from && unit <= 100_000; at--) {
    if (bytes[at] === COLON) return port <= 65_535 ? port : 0
    if (!isDigit(bytes[at]!)) return 0
    port += (bytes[at]! - ZERO) * unit
    unit *= 10
  }
  return 0
}

/** Continues Forwarded (RFC 7239 §4) with an element for the peer. */
function writeForwarded(out: Scratch, head: RequestHead, peer: string, isUnnamed: boolean): void {
  out.text('Forwarded: ')
  const node = peer === UNIX_ADDRESS.text ? 'unknown' : peer.includes(':') ? `"[${peer}]"` : peer
  writePeer(out, writeMembers(out, head, FieldName.Forwarded), `for=${node}`, isUnnamed)
  out.write(CRLF)
}

/**
 * Ends a list with the peer.
 *
 * @param isBegun whether anybody stands in the list yet
 * @param isUnnamed whether the peer is a trusted proxy on a Unix socket: behind the addresses that it vouches for, a name that
 *   is no address would end the search of whoever reads the list from the right
 */
function writePeer(out: Scratch, isBegun: boolean, peer: string, isUnnamed: boolean): void {
  if (!isBegun) out.text(peer)
  else if (!isUnnamed) out.text(`, ${peer}`)
}

/** Writes all fields of a name as one; returns whether there was any to write. */
function writeList(out: Scratch, head: Head, name: number, label: string): boolean {
  const start = out.length
  out.text(label)
  if (writeMembers(out, head, name)) out.write(CRLF)
  else out.length = start
  return out.length > start
}

/** Writes the values of all fields of a name as one list (RFC 9110 §5.3); returns whether there was any. */
function writeMembers(out: Scratch, head: Head, name: number): boolean {
  let some = false
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== name || head.valueStart(field) === head.valueEnd(field)) continue
    if (some) out.text(', ')
    out.copy(head.bytes, head.valueStart(field), head.valueEnd(field))
    some = true
  }
  return some
}

function writeRequestLine(out: Scratch, head: RequestHead): void {
  const { bytes } = head
  out.copy(bytes, head.start, head.targetStart)
  if (head.form === 'absolute') {
    // RFC 9112 §3.2.4: OPTIONS for a whole server becomes the asterisk.
    if (head.pathStart === head.pathEnd)
      out.text(head.method === 'OPTIONS' && head.pathEnd === head.targetEnd ? '*' : '/')
    out.copy(bytes, head.pathStart, head.targetEnd)
  } else {
    out.copy(bytes, head.targetStart, head.targetEnd)
  }
  out.write(VERSION_1_1)
}

/** Hands on the protocols that one side names to the other, which are for this hop again (RFC 9110 §7.8). */
function copyUpgrade(out: Scratch, head: Head): void {
  const start = out.length
  out.write(UPGRADE_LINE)
  if (!writeList(out, head, FieldName.Upgrade, 'Upgrade: ')) out.length = start
}

/**
 * Writes the status line with this proxy's own version (RFC 9112 §2.3), and with the space that stands there even where no
 * reason phrase follows (§4).
 *
 * @returns the offset from which the head is still to be copied
 */
function writeStatusLine(out: Scratch, head: ResponseHead): number {
  const { bytes, start, statusEnd } = head
  const hasSpace = bytes[statusEnd] === SPACE
  if (head.minorVersion === 1 && hasSpace) return start
  out.text('HTTP/1.1')
  out.copy(bytes, start + 'HTTP/1.0'.length, statusEnd)
  if (!hasSpace) out.text(' ')
  return statusEnd
}

/** The head of a 101 (RFC 9110 §15.2.2), after which the connection speaks another protocol. */
export function writeSwitchingHead(
  out: Scratch,
  head: ResponseHead,
  options: ConnectionOptions,
  additions: string,
): void {
  copyFields(out, head, writeStatusLine(out, head), endsInResponse, options, false)
  copyUpgrade(out, head)
  out.text(additions)
  out.write(CRLF)
}

/** What a response tells its client about the connection: nothing, that it closes, or (HTTP/1.0) that it stays. */
export type Closing = 'unsaid' | 'close' | 'keep-alive'

/**
 * Puts together the head that a client gets: the server's, without the fields that are for one hop, framed anew, and
 * dated where the server has no clock (RFC 9110 §6.6.1).
 *
 * @param contentLength for the Content-Length field; -1 for none
 * @param additions further field lines, each with its line end
 */
export function writeResponseHead(
  out: Scratch,
  head: ResponseHead,
  options: ConnectionOptions,
  contentLength: number,
  chunked: boolean,
  closing: Closing,
  additions = '',
): void {
  copyFields(out, head, writeStatusLine(out, head), endsInResponse, options, false)
  if (head.status >= 200 && head.find(FieldName.Date) < 0) out.text(`Date: ${httpDate()}\r\n`)
  if (contentLength >= 0) out.text(`Content-Length: ${contentLength}\r\n`)
  if (chunked) out.write(CHUNKED_LINE)
  if (head.status === UPGRADE_REQUIRED) copyUpgrade(out, head)
  if (closing !== 'unsaid') out.write(closing === 'close' ? CLOSE_LINE : KEEP_ALIVE_LINE)
  if (additions !== '') out.text(additions)
  out.write(CRLF)
}

/** Copies from offset `from` to the last field, in as few pieces as can be, without the fields that end here. */
function copyFields(
  out: Scratch,
  head: Head,
  from: number,
  ends: Uint8Array,
  options: ConnectionOptions,
  withoutHost: boolean,
): void {
  let kept = from
  for (let field = 0; field < head.count; field++) {
    const name = head.names[field]!
    const drop = ends[name] === 1 || (withoutHost && name === FieldName.Host) || isNamed(field, options)
    if (!drop) continue
    out.copy(head.bytes, kept, head.nameStart(field))
    kept = head.lineEnd(field)
  }
  out.copy(head.bytes, kept, head.end - CRLF.length)
}

/** Whether Connection names the field. The length is looked at first: to read beyond an array's end is slow. */
function isNamed(field: number, { named }: ConnectionOptions): boolean {
  return named.length > 0 && named[field] === 1
}

function firstField(head: Head): number {
  return head.count > 0 ? head.nameStart(0) : head.end - CRLF.length
}

function writeLine(out: Scratch, name: string, bytes: Buffer, from: number, to: number): void {
  out.text(name)
  out.copy(bytes, from, to)
  out.write(CRLF)
}
