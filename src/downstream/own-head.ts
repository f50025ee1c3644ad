import type { OwnResponse } from '../exchange/own-response.ts'
import type { Closing } from '../forwarding/forwarded-response.ts'
import { httpDate } from '../forwarding/http-date.ts'
import { reasonPhrases } from '../http1/reason-phrase.ts'

/** The head of a response that Limpet generated, as bytes of HTTP/1.1. */
export function ownHead({ status, requestId, lines, fields, body }: OwnResponse, closing: Closing): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${reasonPhrases[status] ?? 'Error'}`,
    `Date: ${httpDate()}`,
    ...lines,
    `Content-Length: ${body.length}`,
    'Cache-Control: no-store',
    ...(requestId === '' ? [] : [`X-Request-Id: ${requestId}`]),
    ...(closing === 'unsaid' ? [] : [`Connection: ${closing}`]),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n${fields}\r\n`, 'latin1')
}
