import type { Closing } from '../forwarding/forwarded-head.ts'
import { httpDate } from '../forwarding/http-date.ts'
import { reasonPhrases } from '../http1/reason-phrase.ts'

/** A whole response that no server gave. */
export interface OwnResponse {
  readonly bytes: Buffer
  readonly bodyLength: number
}

/** What goes into every response of Limpet's own. */
export interface Particulars {
  readonly requestId: string
  readonly closing: Closing
  /** Further field lines, each with its line end. */
  readonly fields?: string
  /** False for an answer to HEAD. */
  readonly withBody: boolean
}

/** @param lines fields of this kind of response, without line ends */
export function ownResponse(
  status: number,
  lines: readonly string[],
  body: Buffer,
  { requestId, closing, fields = '', withBody }: Particulars,
): OwnResponse {
  const head = [
    `HTTP/1.1 ${status} ${reasonPhrases[status] ?? 'Error'}`,
    `Date: ${httpDate()}`,
    ...lines,
    `Content-Length: ${body.length}`,
    'Cache-Control: no-store',
    ...(requestId === '' ? [] : [`X-Request-Id: ${requestId}`]),
    ...(closing === 'unsaid' ? [] : [`Connection: ${closing}`]),
  ]
  const headBytes = Buffer.from(`${head.join('\r\n')}\r\n${fields}\r\n`, 'latin1')
  return { bytes: withBody ? Buffer.concat([headBytes, body]) : headBytes, bodyLength: withBody ? body.length : 0 }
}
