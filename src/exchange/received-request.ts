import { COMMA, equalsIgnoringCase, isBlank, SLASH, TOKEN } from '../http1/bytes.ts'
import { type ConnectionOptions, connectionOptions, persists } from '../http1/connection-options.ts'
import { FieldName } from '../http1/field-name.ts'
import { type Framing, framingOfRequest } from '../http1/framing.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { listsTrailers } from '../http1/te.ts'
import type { Protocol, RecordedRequest } from '../observability/exchange-record.ts'
import { normalisePath } from '../routing/path.ts'
import { isGrpcCall } from './grpc-call.ts'
import { isRequestId, makeRequestId } from './request-id.ts'

const CONTINUE = Buffer.from('100-continue')

/** Idempotent methods (RFC 9110 §9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** What is kept of a request's head. The head itself is overwritten when the worker reads another one. */
export class ReceivedRequest implements RecordedRequest {
  readonly bytes: Buffer
  readonly headStart: number
  readonly requestLineEnd: number
  readonly protocol: Protocol
  readonly pathStart: number
  readonly pathEnd: number
  readonly targetEnd: number
  readonly authorityStart: number
  readonly authorityEnd: number
  readonly method: string
  readonly framing: Framing
  readonly options: ConnectionOptions
  /** Whether the client wants to keep the connection open. */
  readonly persists: boolean
  readonly isHttp10: boolean
  readonly isHttp2: boolean
  /** Whether it is a call of gRPC. */
  readonly isGrpc: boolean
  /** Whether the client asks to switch to a protocol that may pass. */
  readonly mayUpgrade: boolean
  /** Whether the client can use trailers, the fields that follow a body; otherwise it gets none. */
  takesTrailers = false
  /**
   * Whether servers are told so. A TE that Connection does not name may have been passed on by a proxy that does not know it
   * (RFC 9110 §10.1.4); HTTP/2 has no such options.
   */
  asksForTrailers = false
  /** What the Expect fields ask for (RFC 9110 §10.1.1). */
  expects: 'nothing' | '100-continue' | 'unknown' = 'nothing'
  /** The client's own id if that is valid; else a generated one. */
  readonly id: string
  refererStart = 0
  refererEnd = 0
  userAgentStart = 0
  userAgentEnd = 0

  /**
   * @param head a complete head; it is read now and not kept
   * @param framing of its body: UNTIL_CLOSE where only the end of its stream shows the body's end
   * @param isHttp2 whether the head was put together from a stream of HTTP/2
   * @param id left out: the client's own, or a new one
   * @throws MessageError where its framing breaks the rules
   */
  constructor(head: RequestHead, framing: Framing = framingOfRequest(head), isHttp2 = false, id?: string) {
    this.bytes = head.bytes
    this.headStart = head.start
    this.pathStart = head.pathStart
    this.pathEnd = head.pathEnd
    this.targetEnd = head.targetEnd
    this.authorityStart = head.authorityStart
    this.authorityEnd = head.authorityEnd
    this.requestLineEnd = head.targetEnd
    this.method = head.method
    this.isHttp10 = head.minorVersion === 0
    this.isHttp2 = isHttp2
    this.isGrpc = isGrpcCall(head)
    this.protocol = isHttp2 ? 'HTTP/2.0' : this.isHttp10 ? 'HTTP/1.0' : 'HTTP/1.1'
    this.framing = framing
    this.options = connectionOptions(head)
    this.persists = persists(head, this.options)
    this.mayUpgrade = this.options.upgrade && this.framing === 0 && !this.isHttp10 && asksForTunnel(head)
    const own = this.#note(head)
    this.id = id ?? (isRequestId(own) ? own : makeRequestId())
  }

  /** Notes what the log needs; returns the client's id, which may be none, or not valid. */
  #note(head: RequestHead): string {
    let id = ''
    for (let field = 0; field < head.count; field++) {
      const name = head.names[field]
      if (name === FieldName.Referer) {
        this.refererStart = head.valueStart(field)
        this.refererEnd = head.valueEnd(field)
      } else if (name === FieldName.UserAgent) {
        this.userAgentStart = head.valueStart(field)
        this.userAgentEnd = head.valueEnd(field)
      } else if (name === FieldName.XRequestId && id === '') {
        id = head.value(field)
      } else if (name === FieldName.Te && !this.isHttp10) {
        const takesTrailers = listsTrailers(head, field)
        this.takesTrailers ||= takesTrailers
        this.asksForTrailers ||= takesTrailers && (this.isHttp2 || this.options.named[field] === 1)
      } else if (name === FieldName.Expect && this.expects !== 'unknown') {
        this.expects = isContinue(head, field) ? '100-continue' : 'unknown'
      }
    }
    return id
  }

  get isIdempotent(): boolean {
    return idempotent.has(this.method)
  }
}

/** The normalised path, for matching routes; undefined if it cannot be normalised. */
export function pathOf(head: RequestHead): string | undefined {
  if (head.form === 'asterisk' || head.pathStart === head.pathEnd) return '/'
  const path = head.bytes.toString('latin1', head.pathStart, head.pathEnd)
  return head.plainPath ? path : normalisePath(path)
}

/** The query as the client sent it, with its question mark; empty if there is none, or it is empty. */
export function queryOf(head: RequestHead): string {
  const { bytes, pathEnd, targetEnd } = head
  return targetEnd - pathEnd > 1 ? bytes.toString('latin1', pathEnd, targetEnd) : ''
}

/** The authority of the request (RFC 3986 §3.2) as the client sent it; empty if there is none. */
export function authorityOf(head: RequestHead): string {
  return head.bytes.toString('latin1', head.authorityStart, head.authorityEnd)
}

function isContinue(head: RequestHead, field: number): boolean {
  return equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), CONTINUE)
}

/** Whether the request asks to switch protocols (RFC 9110 §7.8), and each of those it names may pass. */
function asksForTunnel(head: RequestHead): boolean {
  let asks = false
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.Upgrade) continue
    if (!areAllToTunnel(head.bytes, head.valueStart(field), head.valueEnd(field))) return false
    asks = true
  }
  return asks
}

/** Whether `bytes[start, to)` is a list of protocols that may all pass. */
function areAllToTunnel(bytes: Uint8Array, start: number, to: number): boolean {
  for (let at = start; at <= to; at++) {
    while (at < to && isBlank(bytes[at]!)) at++
    const from = at
    while (at < to && (TOKEN[bytes[at]!] === 1 || bytes[at] === SLASH)) at++
    if (at === from || carriesRequests(bytes, from, at)) return false
    while (at < to && isBlank(bytes[at]!)) at++
    if (at < to && bytes[at] !== COMMA) return false
  }
  return true
}

const H2C = Buffer.from('h2c')
const TLS = Buffer.from('tls/')
const HTTP = Buffer.from('http/')

/** Whether that protocol would carry further requests that Limpet could not see. */
function carriesRequests(bytes: Uint8Array, from: number, to: number): boolean {
  return (
    equalsIgnoringCase(bytes, from, to, H2C) || beginsWith(bytes, from, to, TLS) || beginsWith(bytes, from, to, HTTP)
  )
}

function beginsWith(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  return to - from >= word.length && equalsIgnoringCase(bytes, from, from + word.length, word)
}
