import type { GrpcCheck } from '../runtime/health-settings.ts'
import type { Access } from './access.ts'
import type { OwnResponse } from './own-message.ts'
import { sendOwnRequest } from './own-request.ts'
import { failureOf, type Verdict } from './verdict.ts'

/** How much of an answer is read, in bytes: a HealthCheckResponse has 2, and 5 before it. */
const MAX_ANSWER = 1024

/** `HealthCheckResponse.ServingStatus` (grpc/health/v1/health.proto). */
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** The names of gRPC's status codes that a health service is likely to give. */
const codes: Readonly<Record<string, string>> = {
  5: 'NOT_FOUND: the server does not know the service',
  12: 'UNIMPLEMENTED: the server has no health service',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
}

/**
 * Asks the server's health service (grpc.health.v1.Health/Check), on a new connection; SERVING passes. `signal` aborts it.
 * The two messages are so small that they are written and read here.
 */
export async function checkGrpc(
  { service, headers }: GrpcCheck,
  access: Access,
  signal: AbortSignal,
): Promise<Verdict> {
  const what = service === '' ? 'gRPC health' : `gRPC health of ${service}`
  const request = {
    method: 'POST',
    path: '/grpc.health.v1.Health/Check',
    headers: { 'content-type': 'application/grpc', te: 'trailers', 'user-agent': 'limpet-check', ...headers },
    body: messageOf(service),
  }
  // gRPC is HTTP/2, whatever the upstream's requests are.
  const http2 = { ...access, protocol: access.tls === undefined ? ('h2c' as const) : ('h2' as const) }
  try {
    return await sendOwnRequest(request, http2, signal, (response) => judge(response, what))
  } catch (error) {
    return failureOf(what, error as Error, signal)
  }
}

/** A HealthCheckRequest, whose first field is the service, with the prefix of a gRPC message. */
function messageOf(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.from([0x0a, name.length, ...name])
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

async function judge(response: OwnResponse, what: string): Promise<Verdict> {
  const { status, headers, body } = response
  if (status !== 200) return { passed: false, cause: `${what} answered ${status}` }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > MAX_ANSWER) return { passed: false, cause: `${what} answered more than ${MAX_ANSWER} bytes` }
    chunks.push(chunk)
  }
  const code = String(response.trailers()['grpc-status'] ?? headers['grpc-status'] ?? '')
  if (code !== '0')
    return { passed: false, cause: `${what} answered grpc-status ${codes[code] ?? (code || 'nothing')}` }
  const serving = servingStatusIn(Buffer.concat(chunks))
  return { passed: serving === 1, cause: `${what} is ${statuses[serving] ?? serving}` }
}

/** The first field of a HealthCheckResponse; 0 where it is absent, or the message malformed. */
function servingStatusIn(answer: Buffer): number {
  // The prefix: not compressed, and the length.
  const isWhole = answer.length >= 5 && answer[0] === 0 && answer.readUInt32BE(1) === answer.length - 5
  return isWhole && answer.length === 7 && answer[5] === 0x08 ? answer[6]! : 0
}
