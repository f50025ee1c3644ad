import { createHash } from 'node:crypto'
import { equalsIgnoringCase } from '../http1/bytes.ts'
import { FieldName } from '../http1/field-name.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'

const WEBSOCKET = Buffer.from('websocket')
/** What a server appends to the key of a handshake (RFC 6455 §4.2.2). */
const SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The Sec-WebSocket-Accept that answers a request; undefined for one that does not ask for a WebSocket (RFC 6455 §4.1). */
export function acceptFor(head: RequestHead): string | undefined {
  if (head.method !== 'GET') return undefined
  const field = head.find(FieldName.Upgrade)
  if (field < 0 || !equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), WEBSOCKET))
    return undefined
  const key = head.findNamed('sec-websocket-key')
  return createHash('sha1')
    .update((key < 0 ? '' : head.value(key)) + SUFFIX)
    .digest('base64')
}

/** Whether a response confirms another key than that of its request. Many a small server confirms none, which is let pass. */
export function confirmsAnother(response: ResponseHead, request: RequestHead): boolean {
  const accept = acceptFor(request)
  const field = response.findNamed('sec-websocket-accept')
  return accept !== undefined && field >= 0 && response.value(field) !== accept
}
