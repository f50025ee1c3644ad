import type { SpanRecord } from '../../observability/span-record.ts'

/** The names of the statuses of gRPC, by number. */
const grpcStatuses = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** Those that are errors of whoever serves the call; to its client, all but OK are errors. */
const grpcServerErrors = ['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS']

/** The status of a gRPC call, in the words of the specification; undefined if the span has none. */
export function grpcStatusOf({ isGrpc, grpcStatus }: SpanRecord): string | undefined {
  return isGrpc && grpcStatus !== undefined ? (grpcStatuses[grpcStatus] ?? String(grpcStatus)) : undefined
}

/**
 * Whether the span counts as failed, by the semantic conventions of HTTP and gRPC: what a client did wrong is an error of its
 * client's span, and not of its server's. That the client left is nobody's error.
 */
export function isError(span: SpanRecord): boolean {
  const { kind, status, failure } = span
  if (failure === 'client-gone') return false
  const grpc = grpcStatusOf(span)
  if (grpc !== undefined) return kind === 'attempt' ? grpc !== 'OK' : grpcServerErrors.includes(grpc)
  if (kind === 'attempt') return status >= 400 || failure !== undefined
  return status >= 500 || (failure !== undefined && status < 400)
}

/** What kind of error it is: Limpet's own name of the failure, else the status. Undefined if the span has not failed. */
export function errorTypeOf(span: SpanRecord): string | undefined {
  if (span.failure === 'client-gone') return span.failure
  return isError(span) ? (span.failure ?? grpcStatusOf(span) ?? String(span.status)) : undefined
}
