import { SPACE } from '../http1/bytes.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import { FieldName } from '../http1/field-name.ts'
import type { Framing } from '../http1/framing.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { Scratch } from '../transport/scratch.ts'
import { httpDate } from './http-date.ts'
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
} from './passed-fields.ts'

const CLOSE_LINE = Buffer.from('Connection: close\r\n')
const KEEP_ALIVE_LINE = Buffer.from('Connection: keep-alive\r\n')

const endsInResponse = ending(...hopByHop, FieldName.ContentLength)

/** The one final status whose Upgrade field its client needs (RFC 9110 §15.5.22). */
const UPGRADE_REQUIRED = 426

/** What a response says about its connection: nothing, that it closes, or (HTTP/1.0) that it stays open. */
export type Closing = 'unsaid' | 'close' | 'keep-alive'

/**
 * Puts together the head that is sent to a client: the server's, without the fields that are for one hop, with its own
 * framing, and with a date if the server sent none (RFC 9110 §6.6.1).
 *
 * @param contentLength for the Content-Length field; -1 for none
 * @param fields further field lines, each with its line end
 * @param mayHaveTrailers whether trailers of the server would be passed on
 */
export function writeResponseHead(
  out: Scratch,
  head: ResponseHead,
  options: ConnectionOptions,
  contentLength: number,
  chunked: boolean,
  closing: Closing,
  fields = '',
  mayHaveTrailers = false,
): void {
  copyFields(out, head, writeStatusLine(out, head), endsInResponse, options, false)
  if (head.status >= 200 && head.find(FieldName.Date) < 0) out.text(`Date: ${httpDate()}\r\n`)
  if (contentLength >= 0) writeContentLength(out, contentLength)
  if (chunked) out.write(CHUNKED_LINE)
  if (mayHaveTrailers) copyTrailer(out, head, options)
  if (head.status === UPGRADE_REQUIRED) copyUpgrade(out, head)
  if (closing !== 'unsaid') out.write(closing === 'close' ? CLOSE_LINE : KEEP_ALIVE_LINE)
  if (fields !== '') out.text(fields)
  out.write(CRLF)
}

/** The head of a 101 (RFC 9110 §15.2.2), after which the connection speaks another protocol. */
export function writeSwitchingHead(out: Scratch, head: ResponseHead, options: ConnectionOptions, fields: string): void {
  copyFields(out, head, writeStatusLine(out, head), endsInResponse, options, false)
  copyUpgrade(out, head)
  out.text(fields)
  out.write(CRLF)
}

/**
 * Writes the status line with this proxy's own version (RFC 9112 §2.3), and with the space that is required even if no
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

/** What Content-Length is to say; -1 for nothing. A response without a body may still tell how long it would be, unless that field ends here. */
export function declaredLength(head: ResponseHead, framing: Framing, options: ConnectionOptions): number {
  if (framing !== 0) return framing > 0 ? framing : -1
  const field = head.find(FieldName.ContentLength)
  if (field < 0 || isNamed(field, options) || head.status === 204 || head.status < 200) return -1
  return Number.parseInt(head.value(field), 10)
}
