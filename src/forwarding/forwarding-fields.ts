import { COLON, isDigit, ZERO } from '../http1/bytes.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { CookieNames } from '../http1/cookie-names.ts'
import { FieldName } from '../http1/field-name.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { UNIX_ADDRESS } from '../runtime/ip-address.ts'
import type { ClientAddressSource } from '../runtime/snapshot.ts'
import type { Scratch } from '../transport/scratch.ts'
import type { ClientCertificate } from '../transport/tls-facts.ts'
import { writeCertificate } from './client-certificate.ts'
import type { RequestEdits } from './head-edits.ts'
import { CRLF, writeLine, writeList, writeMembers } from './passed-fields.ts'
import { type TracePosition, writeTraceContext } from './trace-context.ts'

const FORWARDED_FOR = Buffer.from('X-Forwarded-For: ')
const PROTO_HTTP = Buffer.from('X-Forwarded-Proto: http\r\n')
const PROTO_HTTPS = Buffer.from('X-Forwarded-Proto: https\r\n')
const PORT = Buffer.from('X-Forwarded-Port: ')
const REQUEST_ID = Buffer.from('X-Request-Id: ')

/** What is to become of a request's head, and what its forwarding fields are made of. */
export interface Forwarding {
  /** Which of its fields end here. */
  readonly options: ConnectionOptions
  /** What filters have changed in it. */
  readonly edits: RequestEdits | undefined
  /** The client's address. */
  readonly client: string
  /** Whether the client came by HTTPS. */
  readonly isSecure: boolean
  /** The port that it came to; 0 if that is not known here. */
  readonly port: number
  /** The address at the other end of the connection. */
  readonly peer: string
  /** The client's certificate, if it has shown one. */
  readonly certificate: ClientCertificate | undefined
  /** The request's own forwarding fields that are trusted: those of a trusted proxy, of the kind that it writes. */
  readonly believed: ClientAddressSource | undefined
  readonly requestId: string
  /** Used as Host if a request (HTTP/1.0) has none. */
  readonly serverAddress: string
  /** Whether the client has sent a body, even if it is empty. */
  readonly hasBody: boolean
  /** Whether the request's Upgrade is passed on to the server. */
  readonly upgrade: boolean
  /** Whether the server is told that its client can use trailers. */
  readonly asksForTrailers: boolean
  /** Names of the cookies that are between clients and this proxy, whichever upstream they are for. */
  readonly ownCookies: CookieNames
  /** The trace that the request is part of. Undefined if traces are not followed here: then its own fields are passed on. */
  readonly trace: TracePosition | undefined
  /** The id of the attempt in the trace. */
  readonly spanId: string
}

/**
 * Tells the server who the client is, and what it asked for. The peer's address is added to X-Forwarded-For, whether or not
 * the rest of it is trusted, as in nginx; the other fields are a trusted proxy's, or replaced.
 */
export function writeForwarding(out: Scratch, head: RequestHead, forwarding: Forwarding): void {
  const { client, peer, believed } = forwarding
  const vouched = isVouchedFor(forwarding)
  const hasProto = vouched && writeList(out, head, FieldName.XForwardedProto, 'X-Forwarded-Proto: ')
  const hasPort = vouched && writeList(out, head, FieldName.XForwardedPort, 'X-Forwarded-Port: ')
  const hasHost = vouched && writeList(out, head, FieldName.XForwardedHost, 'X-Forwarded-Host: ')
  const isUnnamed = believed !== undefined && peer === UNIX_ADDRESS.text
  if (believed === 'forwarded') writeForwarded(out, head, peer, isUnnamed)

  out.write(FORWARDED_FOR)
  if (believed !== 'forwarded') {
    writePeer(out, writeMembers(out, head, FieldName.XForwardedFor), peer, isUnnamed)
  } else {
    // The X-Forwarded-For that arrived is not trusted here. This one is for servers that read no other field.
    if (client !== peer) out.text(client)
    writePeer(out, client !== peer, peer, isUnnamed)
  }
  out.write(CRLF)
  // Pieces that are ready, and a number: faster than one text that is put together of them.
  if (!hasProto) out.write(forwarding.isSecure ? PROTO_HTTPS : PROTO_HTTP)
  if (!hasPort) {
    out.write(PORT)
    out.number(forwarding.port || portAskedFor(head, forwarding, hasHost))
    out.write(CRLF)
  }
  out.write(REQUEST_ID)
  out.text(forwarding.requestId)
  out.write(CRLF)
  if (forwarding.trace !== undefined) writeTraceContext(out, forwarding.trace, forwarding.spanId)
  if (forwarding.certificate !== undefined) writeCertificate(out, forwarding.certificate)
  if (!hasHost && head.authorityEnd > head.authorityStart)
    writeLine(out, 'X-Forwarded-Host: ', head.bytes, head.authorityStart, head.authorityEnd)
}

/** Whether the X-Forwarded fields were written by a trusted proxy. */
export function isVouchedFor({ believed }: Forwarding): boolean {
  return believed === 'x-forwarded-for'
}

/** The port in the X-Forwarded-Host that the server gets, else that of the scheme. */
function portAskedFor(head: RequestHead, { isSecure }: Forwarding, hasHost: boolean): number {
  const field = hasHost ? head.findLast(FieldName.XForwardedHost) : -1
  const port =
    field < 0
      ? portIn(head.bytes, head.authorityStart, head.authorityEnd)
      : portIn(head.bytes, head.valueStart(field), head.valueEnd(field))
  return port || (isSecure ? 443 : 80)
}

/** The number after the last colon; 0 if it is not a port. */
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
 * @param isBegun whether the list has a member already
 * @param isUnnamed whether the peer is a trusted proxy on a Unix socket: after the addresses that it vouches for, a name that
 *   is not an address would stop a server that reads the list from the right
 */
function writePeer(out: Scratch, isBegun: boolean, peer: string, isUnnamed: boolean): void {
  if (!isBegun) out.text(peer)
  else if (!isUnnamed) out.text(`, ${peer}`)
}
