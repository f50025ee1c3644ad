import { createHash } from 'node:crypto'
import { COLON, equalsIgnoringCase } from '../http1/bytes.ts'
import { FieldName } from '../http1/field-name.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseLines } from '../http2/heads/response-lines.ts'
import { FieldKind } from '../http2/hpack/field.ts'
import { kindOf } from '../http2/hpack/known-name.ts'

const WEBSOCKET = Buffer.from('websocket')
/** What a server appends to the key of a handshake (RFC 6455 §4.2.2). */
const SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const CONNECT = Buffer.from('CONNECT')
const GET_LENGTH = 'GET'.length
const LINE_END = Buffer.from('\r\n')

/**
 * Makes a 101 of the response to an extended CONNECT (RFC 8441), in which HTTP/2 has no Sec-WebSocket-Key: it is answered as a server
 * by HTTP/1.1 would.
 */
export class SwitchingHead {
  readonly #lines: Buffer

  private constructor(key: string) {
    const accept = createHash('sha1')
      .update(key + SUFFIX)
      .digest('base64')
    this.#lines = Buffer.from(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n`,
    )
  }

  /** Undefined where a request does not ask for a WebSocket (RFC 6455 §4.1). */
  static for(head: RequestHead): SwitchingHead | undefined {
    if (head.method !== 'GET') return undefined
    const field = head.find(FieldName.Upgrade)
    if (field < 0 || !equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), WEBSOCKET))
      return undefined
    const key = head.findNamed('sec-websocket-key')
    return new SwitchingHead(key < 0 ? '' : head.value(key))
  }

  /** The extended CONNECT that a GET with an Upgrade becomes. */
  static connectOf(head: Buffer): Buffer {
    return Buffer.concat([CONNECT, head.subarray(GET_LENGTH)])
  }

  /** @param response with a status of 2xx. What it confirms by itself is left out */
  of({ bytes, length }: ResponseLines): Buffer {
    const lines = [this.#lines]
    let from = bytes.indexOf(LINE_END) + LINE_END.length
    while (from < length) {
      const to = bytes.indexOf(LINE_END, from) + LINE_END.length
      if (!isProof(bytes.subarray(from, to))) lines.push(bytes.subarray(from, to))
      from = to
    }
    return Buffer.concat(lines)
  }
}

function isProof(line: Buffer): boolean {
  const nameEnd = line.indexOf(COLON)
  return nameEnd > 0 && kindOf(line, 0, nameEnd) === FieldKind.WebSocketProof
}
