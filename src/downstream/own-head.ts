import type { OwnResponse } from '../exchange/own-response.ts'
import type { Closing } from '../forwarding/forwarded-response.ts'
import { httpDate } from '../forwarding/http-date.ts'
import { reasonPhrases } from '../http1/reason-phrase.ts'

const CACHE_CONTROL = /^cache-control:/i

/** Statuses without a body, whose heads say nothing of its length (RFC 9110 §8.6). */
const EMPTY: readonly number[] = [204, 304]

/** The head of a response that Limpet generated, as bytes of HTTP/1.1. */
export function ownHead({ status, requestId, lines, fields, body }: OwnResponse, closing: Closing): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${reasonPhrases[status] ?? 'Error'}`,
    `Date: ${httpDate()}`,
    ...lines,
    ...(EMPTY.includes(status) ? [] : [`Content-Length: ${body.length}`]),
    ...(lines.some((line) => CACHE_CONTROL.test(line)) ? [] : ['Cache-Control: no-store']),
    ...(requestId === '' ? [] : [`X-Request-Id: ${requestId}`]),
    ...(closing === 'unsaid' ? [] : [`Connection: ${closing}`]),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n${fields}\r\n`, 'latin1')
}
