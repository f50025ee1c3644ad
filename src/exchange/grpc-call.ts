import { equalsIgnoringCase, isDigit, SEMICOLON, SPACE, ZERO } from '../http1/bytes.ts'
import type { Head } from '../http1/head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { readTrailers } from '../http1/trailers.ts'
import type { Failure } from './failure.ts'
import { grpcStatuses } from './grpc-status.ts'
import type { OwnResponse } from './own-response.ts'

const TYPE = Buffer.from('application/grpc')
const PLUS = 0x2b

/** The units of a timeout, in ms by their letters (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
const units = new Map(
  Object.entries({ H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }).map(([unit, ms]) => [
    unit.charCodeAt(0),
    ms,
  ]),
)
const MOST_DIGITS = 8

/** Whether the request is a call of gRPC, by its content's type. gRPC-Web is not: it has its trailers in the body. */
export function isGrpcCall(head: RequestHead): boolean {
  if (head.method !== 'POST') return false
  const field = head.findNamed('content-type')
  if (field < 0) return false
  const { bytes } = head
  const from = head.valueStart(field)
  const to = head.valueEnd(field)
  const end = from + TYPE.length
  if (to < end || !equalsIgnoringCase(bytes, from, end, TYPE)) return false
  const next = bytes[end]
  return to === end || next === PLUS || next === SEMICOLON || next === SPACE
}

/** How long the client of a call waits for it, in ms; undefined if it names no valid time. */
export function timeoutOfCall(head: RequestHead): number | undefined {
  const field = head.findNamed('grpc-timeout')
  if (field < 0) return undefined
  const { bytes } = head
  const unitAt = head.valueEnd(field) - 1
  const from = head.valueStart(field)
  const unit = units.get(bytes[unitAt]!)
  if (unit === undefined || unitAt <= from || unitAt - from > MOST_DIGITS) return undefined
  let value = 0
  for (let at = from; at < unitAt; at++) {
    if (!isDigit(bytes[at]!)) return undefined
    value = value * 10 + bytes[at]! - ZERO
  }
  return value * unit
}

/** An answer to a call that is nothing but the status that its failure means: trailers only, in gRPC's words. */
export function failedCall(failure: Failure, requestId: string, fields: string): OwnResponse {
  const lines = ['Content-Type: application/grpc', ...statusLines(failure)]
  const isLast = failure.code === 'bad-request'
  return { status: 200, requestId, lines, fields, body: Buffer.alloc(0), isToHead: false, isLast }
}

/** The trailers that end a call whose answer has begun. */
export function trailersOfFailure(failure: Failure): Head {
  return readTrailers(Buffer.from(`${statusLines(failure).join('\r\n')}\r\n\r\n`, 'latin1'))
}

function statusLines(failure: Failure): readonly string[] {
  return [`grpc-status: ${grpcStatuses[failure.code]}`, `grpc-message: ${percentEncoded(failure.text)}`]
}

/** A text as gRPC writes it in `grpc-message`: UTF-8, with escapes for whatever is not visible ASCII. */
function percentEncoded(text: string): string {
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x25
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
