import { BACKSLASH, COMMA, equalsIgnoringCase, isBlank, isDigit, QUOTE, SEMICOLON, TOKEN } from './bytes.ts'
import { FieldName } from './field-name.ts'
import type { Head } from './head.ts'
import { MessageError } from './message-error.ts'
import type { RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'

/**
 * How the end of a message's body is found, decided once for each message by RFC 9112 §6.3: a length in bytes (0 or more),
 * or one of the two words below.
 */
export type Framing = number

export const CHUNKED = -1
/** A response that ends where its connection ends; of either kind, a message that ends where its stream ends (RFC 9113 §8.1). */
export const UNTIL_CLOSE = -2

const CHUNKED_WORD = Buffer.from('chunked')
const IDENTITY_WORD = Buffer.from('identity')

/** @throws MessageError if two readers could find two different ends, and with 501 for an unknown coding */
export function framingOfRequest(head: RequestHead): Framing {
  const length = contentLength(head)
  return isChunked(head, length) ? CHUNKED : Math.max(0, length)
}

/**
 * @param toHead whether it answers a HEAD request
 * @throws MessageError if two readers could find two different ends
 */
export function framingOfResponse(head: ResponseHead, toHead: boolean): Framing {
  const length = contentLength(head)
  const chunked = isChunked(head, length)
  if (toHead || head.status < 200 || head.status === 204 || head.status === 304) return 0
  if (chunked) return CHUNKED
  return length < 0 ? UNTIL_CLOSE : length
}

/** The one value of all Content-Length fields, or -1. A list is accepted only if all of its members are the same number. */
function contentLength(head: Head): number {
  let length = -1
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.ContentLength) continue
    const to = head.valueEnd(field)
    let at = head.valueStart(field)
    for (;;) {
      const end = endOfMember(head.bytes, at, to)
      const value = decimal(head.bytes, at, end)
      if (length >= 0 && value !== length)
        throw new MessageError('Content-Length is given twice, with different values')
      length = value
      if (end >= to) break
      at = afterComma(head.bytes, end, to)
    }
  }
  return length
}

/** Plain digits, at most 2^53 - 1. */
function decimal(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > 16 || to === from) throw new MessageError('Content-Length is not a number of bytes')
  let value = 0
  for (let at = from; at < to; at++) {
    if (!isDigit(bytes[at]!)) throw new MessageError('Content-Length is not a number of bytes')
    value = value * 10 + bytes[at]! - 0x30
  }
  if (value > Number.MAX_SAFE_INTEGER) throw new MessageError('Content-Length is not a number of bytes')
  return value
}

/**
 * Whether the body is chunked; any coding but a single, final `chunked` is refused. A well-formed list of other codings is
 * refused with 501 (RFC 9112 §6.1).
 *
 * @param length what Content-Length says, or -1
 */
function isChunked(head: Head, length: number): boolean {
  let codings = 0
  let chunked = false
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.TransferEncoding) continue
    const to = head.valueEnd(field)
    let at = head.valueStart(field)
    for (;;) {
      if (chunked) throw new MessageError('Transfer-Encoding goes on after chunked')
      const end = endOfMember(head.bytes, at, to)
      chunked = isChunkedCoding(head.bytes, at, end)
      codings++
      if (end >= to) break
      at = afterComma(head.bytes, end, to)
    }
  }
  if (codings === 0) return false
  if (head.minorVersion === 0) throw new MessageError('Transfer-Encoding has no meaning in HTTP/1.0')
  if (length >= 0) throw new MessageError('there are both a Content-Length and a Transfer-Encoding')
  if (codings > 1 || !chunked)
    throw new MessageError('chunked is the only transfer coding that is understood here', 'not-implemented')
  return true
}

/** Whether a member of Transfer-Encoding is `chunked`, and not another coding (RFC 9112 §7). */
function isChunkedCoding(bytes: Uint8Array, from: number, to: number): boolean {
  let end = from
  while (end < to && TOKEN[bytes[end]!] === 1) end++
  const hasParameters = end < to
  let next = end
  while (next < to && isBlank(bytes[next]!)) next++
  if (end === from || (hasParameters && bytes[next] !== SEMICOLON))
    throw new MessageError('Transfer-Encoding is not a list of codings')
  if (equalsIgnoringCase(bytes, from, end, IDENTITY_WORD)) throw new MessageError('identity is not a transfer coding')
  if (!equalsIgnoringCase(bytes, from, end, CHUNKED_WORD)) return false
  if (hasParameters) throw new MessageError('chunked has parameters in Transfer-Encoding')
  return true
}

function endOfMember(bytes: Uint8Array, from: number, to: number): number {
  let comma = from
  while (comma < to && bytes[comma] !== COMMA)
    comma = bytes[comma] === QUOTE ? afterQuoted(bytes, comma, to) : comma + 1
  let end = comma
  while (end > from && isBlank(bytes[end - 1]!)) end--
  return end
}

/** The offset after a quoted-string (RFC 9110 §5.6.4). */
function afterQuoted(bytes: Uint8Array, from: number, to: number): number {
  let at = from + 1
  while (at < to && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  if (at >= to) throw new MessageError('Transfer-Encoding is not a list of codings')
  return at + 1
}

function afterComma(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && bytes[at] !== COMMA) at++
  at++
  while (at < to && isBlank(bytes[at]!)) at++
  return at
}
