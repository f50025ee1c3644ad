import type { Downstream } from '../exchange/downstream.ts'
import { errorPage } from '../exchange/error-page.ts'
import type { Failure } from '../exchange/failure.ts'
import { makeRequestId } from '../exchange/request-id.ts'
import type { ConnectionOrigin } from '../forwarding/client-origin.ts'
import { CR, LF } from '../http1/bytes.ts'
import type { ExchangeRecord } from '../observability/exchange-record.ts'
import { now } from '../runtime/clock.ts'

const nothingForwarded = {
  grpcStatus: undefined,
  upstreamName: undefined,
  serverNames: '',
  upstreamAddresses: '',
  upstreamStatuses: '',
  queued: 0,
  reason: undefined,
  header: () => undefined,
  route: undefined,
  decisions: undefined,
  user: undefined,
  upstream: undefined,
  server: undefined,
  attempts: 0,
  standing: undefined,
  bytesReceived: 0,
  respondedAt: 0,
  trace: undefined,
} as const

const nothingUnderstood = {
  headStart: 0,
  protocol: '',
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
  isGrpc: false,
} as const

/** Answers an invalid request; returns the record for observers. */
export function refuse(
  bytes: Buffer,
  source: ConnectionOrigin,
  failure: Failure,
  response: Pick<Downstream, 'answer' | 'bytesSent'>,
): ExchangeRecord {
  const id = makeRequestId()
  const fields = source.ends.tls?.responseFields ?? ''
  response.answer(errorPage(failure, { accept: '', requestId: id, fields }))
  return recordOfRefusal(bytes, source, failure, id, response.bytesSent)
}

/** The record of a request that was not understood, or not looked at. */
export function recordOfRefusal(
  bytes: Buffer,
  source: Pick<ConnectionOrigin, 'peer' | 'ends'>,
  { code, status }: Failure,
  id: string,
  bytesSent: number,
): ExchangeRecord {
  const request = { ...nothingUnderstood, bytes, requestLineEnd: endOfFirstLine(bytes), id }
  const clientAddress = source.peer.text
  const { isSecure, tls } = source.ends
  return {
    ...nothingForwarded,
    clientAddress,
    isSecure,
    tls,
    request,
    startedAt: now(),
    status,
    failure: code,
    bytesSent,
  }
}

/** The end of the first line, which may not be text; at most 1,024 bytes. */
function endOfFirstLine(bytes: Buffer): number {
  const most = Math.min(bytes.length, 1024)
  for (let at = 0; at < most; at++) {
    if (bytes[at] === CR || bytes[at] === LF) return at
  }
  return most
}
