import { isDigit, ZERO } from '../http1/bytes.ts'
import type { Head } from '../http1/head.ts'
import type { FailureCode } from '../runtime/failure-code.ts'

/** The statuses of gRPC that are used or judged here (https://grpc.io/docs/guides/status-codes). */
export const GrpcStatus = {
  Ok: 0,
  Cancelled: 1,
  Unknown: 2,
  DeadlineExceeded: 4,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const

/** What a client of gRPC is told of a failure. UNAVAILABLE says that the same call may succeed a little later. */
export const grpcStatuses: Readonly<Record<FailureCode, number>> = {
  'bad-request': GrpcStatus.Internal,
  'not-encrypted': GrpcStatus.Internal,
  unauthorized: GrpcStatus.Unauthenticated,
  forbidden: GrpcStatus.PermissionDenied,
  'auth-unavailable': GrpcStatus.Unavailable,
  maintenance: GrpcStatus.Unavailable,
  'no-route': GrpcStatus.Unimplemented,
  'head-timeout': GrpcStatus.DeadlineExceeded,
  'body-timeout': GrpcStatus.DeadlineExceeded,
  'body-too-large': GrpcStatus.ResourceExhausted,
  'target-too-long': GrpcStatus.ResourceExhausted,
  'expectation-unknown': GrpcStatus.Unimplemented,
  misdirected: GrpcStatus.Unavailable,
  'head-too-large': GrpcStatus.ResourceExhausted,
  'client-gone': GrpcStatus.Cancelled,
  'not-implemented': GrpcStatus.Unimplemented,
  'call-timeout': GrpcStatus.DeadlineExceeded,
  'connect-failed': GrpcStatus.Unavailable,
  'connect-timeout': GrpcStatus.Unavailable,
  'tls-failed': GrpcStatus.Unavailable,
  'not-processed': GrpcStatus.Unavailable,
  'request-cut': GrpcStatus.Unavailable,
  'connection-stale': GrpcStatus.Unavailable,
  'no-answer': GrpcStatus.Unavailable,
  'connection-lost': GrpcStatus.Unavailable,
  'response-malformed': GrpcStatus.Internal,
  'response-cut': GrpcStatus.Unavailable,
  'response-timeout': GrpcStatus.DeadlineExceeded,
  'no-server': GrpcStatus.Unavailable,
  'server-drained': GrpcStatus.Unavailable,
  'queue-full': GrpcStatus.Unavailable,
  'queue-timeout': GrpcStatus.Unavailable,
  paused: GrpcStatus.Unavailable,
  'session-lost': GrpcStatus.Unavailable,
  'too-many-connections': GrpcStatus.Unavailable,
  'version-unknown': GrpcStatus.Unimplemented,
  shortage: GrpcStatus.Unavailable,
  banned: GrpcStatus.PermissionDenied,
  'rate-limited': GrpcStatus.ResourceExhausted,
  'too-many-in-flight': GrpcStatus.ResourceExhausted,
  'filter-failed': GrpcStatus.Internal,
  'answer-refused': GrpcStatus.Unavailable,
  'storage-failed': GrpcStatus.ResourceExhausted,
}

/** The statuses with which a server says that it is at fault: those that Envoy's outlier detection takes for a 5xx. */
const badAnswers: ReadonlySet<number> = new Set([
  GrpcStatus.Unknown,
  GrpcStatus.DeadlineExceeded,
  GrpcStatus.Unimplemented,
  GrpcStatus.Internal,
  GrpcStatus.Unavailable,
  GrpcStatus.DataLoss,
])

/** The status of a call in a head or in trailers; undefined if there is none, or it is not a number of at most two digits. */
export function grpcStatusIn(head: Head): number | undefined {
  const field = head.findNamed('grpc-status')
  if (field < 0) return undefined
  const to = head.valueEnd(field)
  let at = head.valueStart(field)
  if (at === to || to - at > 2) return undefined
  let status = 0
  for (; at < to; at++) {
    const byte = head.bytes[at]!
    if (!isDigit(byte)) return undefined
    status = status * 10 + byte - ZERO
  }
  return status
}

/** Whether a server that answers with that status is at fault. */
export function isBadAnswer(status: number): boolean {
  return badAnswers.has(status)
}
