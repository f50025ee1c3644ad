import { CR, LF } from '../http1/bytes.ts'
import type { ExchangeRecord } from '../observability/exchange-record.ts'
import { now } from '../runtime/clock.ts'

const nothingForwarded = {
  upstreamName: undefined,
  serverNames: '',
  upstreamAddresses: '',
  upstreamStatuses: '',
  queued: 0,
  reason: undefined,
} as const

const nothingUnderstood = {
  method: '',
  pathStart: 0,
  pathEnd: 0,
  targetEnd: 0,
  authorityStart: 0,
  authorityEnd: 0,
  refererStart: 0,
  refererEnd: 0,
  userAgentStart: 0,
  userAgentEnd: 0,
} as const

/**
 * What is recorded of bytes that were no request.
 *
 * @param bytes of which those from `at` on were to be the request
 */
export function recordOfRefusal(
  clientAddress: string,
  bytes: Buffer,
  at: number,
  { id, status, bytesSent }: { id: string; status: number; bytesSent: number },
): ExchangeRecord {
  const request = { ...nothingUnderstood, bytes, headStart: at, requestLineEnd: endOfFirstLine(bytes, at), id }
  return { ...nothingForwarded, clientAddress, request, startedAt: now(), status, bytesSent }
}

/** Where the first line of something that may not be text ends, or has gone on for long enough. */
function endOfFirstLine(bytes: Buffer, from: number): number {
  const most = Math.min(bytes.length, from + 1024)
  for (let at = from; at < most; at++) {
    if (bytes[at] === CR || bytes[at] === LF) return at
  }
  return most
}
