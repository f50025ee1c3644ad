import { equalsIgnoringCase, isDigit, SEMICOLON, SPACE, ZERO } from '../http1/bytes.ts'
import type { RequestHead } from '../http1/request-head.ts'

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
