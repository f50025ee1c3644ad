import { COMMA, equalsIgnoringCase, isBlank, SLASH, TOKEN } from '../http1/bytes.ts'
import { type ConnectionOptions, connectionOptions, persists } from '../http1/connection-options.ts'
import { FieldName } from '../http1/field-name.ts'
import { type Framing, framingOfRequest } from '../http1/framing.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { RecordedRequest } from '../observability/exchange-record.ts'
import { normalisePath } from '../routing/path.ts'
import { isRequestId, makeRequestId } from './request-id.ts'

const CONTINUE = Buffer.from('100-continue')

/** Methods that do the same once or twice (RFC 9110 §9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** A request as far as it is known from its head. The head itself is gone once the worker reads another one. */
export class ReceivedRequest implements RecordedRequest {
  readonly bytes: Buffer
  readonly headStart: number
  readonly requestLineEnd: number
  readonly pathStart: number
  readonly pathEnd: number
  readonly targetEnd: number
  readonly authorityStart: number
  readonly authorityEnd: number
  readonly method: string
  readonly framing: Framing
  readonly options: ConnectionOptions
  /** Whether the client means to go on using its connection. */
  readonly persists: boolean
  readonly isHttp10: boolean
  /** Whether the client would like to switch to a protocol that may pass. */
  readonly mayUpgrade: boolean
  /** What the Expect fields ask for (RFC 9110 §10.1.1). */
  expects: 'nothing' | '100-continue' | 'unknown' = 'nothing'
  /** Its own, where it is fit to be passed on; else one that is made here. */
  readonly id: string
  refererStart = 0
  refererEnd = 0
  userAgentStart = 0
  userAgentEnd = 0

  /**
   * @param head a complete head; it is read now and not kept
   * @param framing of its body: UNTIL_CLOSE where only the end of its stream shows the body's end
   * @throws MessageError where its framing breaks the rules
   */
  constructor(head: RequestHead, framing: Framing = framingOfRequest(head)) {
    this.bytes = head.bytes
    this.headStart = head.start
    this.pathStart = head.pathStart
    this.pathEnd = head.pathEnd
    this.targetEnd = head.targetEnd
    this.authorityStart = head.authorityStart
    this.authorityEnd = head.authorityEnd
    this.requestLineEnd = head.targetEnd + ' HTTP/1.1'.length
    this.method = head.method
    this.isHttp10 = head.minorVersion === 0
    this.framing = framing
    this.options = connectionOptions(head)
    this.persists = persists(head, this.options)
    this.mayUpgrade = this.options.upgrade && this.framing === 0 && !this.isHttp10 && asksForTunnel(head)
    this.id = this.#note(head)
  }

  /** Notes what the log will want; returns the request's id. */
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
      } else if (name === FieldName.Expect && this.expects !== 'unknown') {
        this.expects = isContinue(head, field) ? '100-continue' : 'unknown'
      }
    }
    return isRequestId(id) ? id : makeRequestId()
  }

  get isIdempotent(): boolean {
    return idempotent.has(this.method)
  }
}

/** The path in its normal form, which routes are matched with; undefined where it has none. */
export function pathOf(head: RequestHead): string | undefined {
  if (head.form === 'asterisk' || head.pathStart === head.pathEnd) return '/'
  const path = head.bytes.toString('latin1', head.pathStart, head.pathEnd)
  return head.plainPath ? path : normalisePath(path)
}

/** The query as the client wrote it, with its question mark; empty if there is none, or nothing in it. */
export function queryOf(head: RequestHead): string {
  const { bytes, pathEnd, targetEnd } = head
  return targetEnd - pathEnd > 1 ? bytes.toString('latin1', pathEnd, targetEnd) : ''
}

/** Whom the request is for, as the client wrote it; empty for nobody in particular. */
export function authorityOf(head: RequestHead): string {
  return head.bytes.toString('latin1', head.authorityStart, head.authorityEnd)
}

function isContinue(head: RequestHead, field: number): boolean {
  return equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), CONTINUE)
}

/** Whether the request names protocols to switch to (RFC 9110 §7.8), and each of them may. */
function asksForTunnel(head: RequestHead): boolean {
  let asks = false
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.Upgrade) continue
    if (!areAllToTunnel(head.bytes, head.valueStart(field), head.valueEnd(field))) return false
    asks = true
  }
  return asks
}

/** Whether `bytes[start, to)` is a list of protocols of which each may be switched to. */
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

/** Whether that protocol would carry other requests past this proxy's eyes. */
function carriesRequests(bytes: Uint8Array, from: number, to: number): boolean {
  return (
    equalsIgnoringCase(bytes, from, to, H2C) || beginsWith(bytes, from, to, TLS) || beginsWith(bytes, from, to, HTTP)
  )
}

function beginsWith(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  return to - from >= word.length && equalsIgnoringCase(bytes, from, from + word.length, word)
}
