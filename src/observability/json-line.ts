import { type AccessLogField, standardFields } from '../runtime/access-log-field.ts'
import { now } from '../runtime/clock.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import type { Redaction } from './redaction.ts'

/** The value of a field; undefined leaves it out. */
type Reader = (entry: ExchangeRecord, redaction: Redaction | undefined) => unknown

const readers: Readonly<Record<AccessLogField, Reader>> = {
  time: () => new Date().toISOString(),
  client: ({ clientAddress }) => clientAddress,
  host: ({ request: { bytes, authorityStart, authorityEnd } }) => text(bytes, authorityStart, authorityEnd),
  request({ request: { bytes, headStart, requestLineEnd, protocol } }, redaction) {
    const line = redaction?.requestLine(bytes, headStart, requestLineEnd).toString('latin1')
    return (line ?? text(bytes, headStart, requestLineEnd) ?? '') + (protocol && ` ${protocol}`)
  },
  method: ({ request: { method } }) => method || undefined,
  path: ({ request: { bytes, pathStart, pathEnd } }, redaction) => url(bytes, pathStart, pathEnd, redaction),
  query: ({ request: { bytes, pathEnd, targetEnd } }, redaction) =>
    url(bytes, pathEnd, targetEnd, redaction)?.slice('?'.length),
  protocol: ({ request: { protocol } }) => protocol || undefined,
  status: ({ status }) => status,
  grpcStatus: ({ grpcStatus }) => grpcStatus,
  bytes: ({ bytesSent }) => bytesSent,
  referer: ({ request: { bytes, refererStart, refererEnd } }, redaction) =>
    url(bytes, refererStart, refererEnd, redaction),
  userAgent: ({ request: { bytes, userAgentStart, userAgentEnd } }) => text(bytes, userAgentStart, userAgentEnd),
  upstreamName: ({ upstreamName }) => upstreamName,
  server: ({ serverNames }) => list(serverNames),
  upstream: ({ upstreamAddresses }) => list(upstreamAddresses),
  upstreamStatus: ({ upstreamStatuses }) => list(upstreamStatuses).map(Number),
  seconds: ({ startedAt }) => seconds(now() - startedAt),
  queued: ({ queued }) => (queued > 0 ? seconds(queued) : undefined),
  reason: ({ reason }) => reason,
  tlsVersion: ({ tls }) => tls?.version,
  tlsCipher: ({ tls }) => tls?.cipher,
  tlsResumed: ({ tls }) => tls?.isResumed,
  sni: ({ tls }) => tls?.serverName || undefined,
  requestId: ({ request: { id } }) => id || undefined,
  traceId: ({ trace }) => trace?.traceId,
  spanId: ({ trace }) => trace?.spanId,
  scheme: ({ isSecure }) => (isSecure ? 'https' : 'http'),
  // It holds the bytes of its UTF-8, one a character.
  route: ({ route }) => route && Buffer.from(route.path, 'latin1').toString(),
  standing: ({ standing }) => standing,
  attempts: ({ attempts }) => attempts,
  failure: ({ failure }) => failure,
  bytesReceived: ({ bytesReceived }) => bytesReceived,
  firstByte: ({ startedAt, respondedAt }) => (respondedAt > 0 ? seconds(respondedAt - startedAt) : undefined),
  parentId: ({ trace }) => trace?.parentId,
  clientCertificate: ({ tls }) => tls?.clientCertificate,
  user: ({ user }) => user && Buffer.from(user, 'latin1').toString(),
}

/** The line of an exchange as a JSON object of these fields, without its line feed. */
export class JsonLine {
  readonly #fields: readonly (readonly [AccessLogField, Reader])[]

  constructor(fields: readonly AccessLogField[] = standardFields) {
    this.#fields = fields.map((field) => [field, readers[field]])
  }

  of(entry: ExchangeRecord, redaction: Redaction | undefined): string {
    const line: Partial<Record<AccessLogField, unknown>> = {}
    for (const [field, read] of this.#fields) line[field] = read(entry, redaction)
    return JSON.stringify(line)
  }
}

function text(bytes: Buffer, from: number, to: number): string | undefined {
  return from === to ? undefined : bytes.toString('latin1', from, to)
}

function url(bytes: Buffer, from: number, to: number, redaction: Redaction | undefined): string | undefined {
  if (from === to || redaction === undefined) return text(bytes, from, to)
  return redaction.url(bytes, from, to).toString('latin1')
}

function list(joined: string): string[] {
  return joined === '' ? [] : joined.split(', ')
}

/** Whole milliseconds, in seconds. */
function seconds(ms: number): number {
  return Math.round(ms) / 1000
}
