import type { AccessLogField } from '../runtime/access-log-field.ts'
import { now } from '../runtime/clock.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import type { Redaction } from './redaction.ts'

/** What is not to be logged. */
interface Secrets {
  /** Undefined if no values are redacted. */
  readonly redaction: Redaction | undefined
  /** Whether the values of the header of that lower-case name are not logged. */
  hides(header: string): boolean
}

/** The value of a field; undefined leaves it out. */
type Reader = (entry: ExchangeRecord, secrets: Secrets) => unknown

/** What stands for a value that is not logged. */
export const HIDDEN = '***'

const readers: Readonly<Record<AccessLogField, Reader>> = {
  time: () => new Date().toISOString(),
  client: ({ clientAddress }) => clientAddress,
  host: ({ request: { bytes, authorityStart, authorityEnd } }) => text(bytes, authorityStart, authorityEnd),
  request({ request: { bytes, headStart, requestLineEnd, protocol } }, { redaction }) {
    const line = redaction?.requestLine(bytes, headStart, requestLineEnd).toString('latin1')
    return (line ?? text(bytes, headStart, requestLineEnd) ?? '') + (protocol && ` ${protocol}`)
  },
  method: ({ request: { method } }) => method || undefined,
  path: ({ request: { bytes, pathStart, pathEnd } }, { redaction }) => url(bytes, pathStart, pathEnd, redaction),
  query: ({ request: { bytes, pathEnd, targetEnd } }, { redaction }) =>
    url(bytes, pathEnd, targetEnd, redaction)?.slice('?'.length),
  protocol: ({ request: { protocol } }) => protocol || undefined,
  status: ({ status }) => status,
  grpcStatus: ({ grpcStatus }) => grpcStatus,
  bytes: ({ bytesSent }) => bytesSent,
  referer({ request: { bytes, refererStart, refererEnd } }, secrets) {
    const referer = url(bytes, refererStart, refererEnd, secrets.redaction)
    return referer !== undefined && secrets.hides('referer') ? HIDDEN : referer
  },
  userAgent({ request: { bytes, userAgentStart, userAgentEnd } }, secrets) {
    const userAgent = text(bytes, userAgentStart, userAgentEnd)
    return userAgent !== undefined && secrets.hides('user-agent') ? HIDDEN : userAgent
  },
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
  filters: ({ decisions = [] }) =>
    decisions.length === 0 ? undefined : decisions.map(({ filter, decision }) => `${filter}: ${decision}`),
  bytesReceived: ({ bytesReceived }) => bytesReceived,
  firstByte: ({ startedAt, respondedAt }) => (respondedAt > 0 ? seconds(respondedAt - startedAt) : undefined),
  parentId: ({ trace }) => trace?.parentId,
  clientCertificate: ({ tls }) => tls?.clientCertificate,
  user: ({ user }) => user && Buffer.from(user, 'latin1').toString(),
}

/** The line of an exchange as a JSON object of these fields, without its line feed. */
export class JsonLine {
  readonly #fields: readonly (readonly [AccessLogField, Reader])[]
  readonly #headers: readonly string[]
  readonly #secrets: Secrets

  /** @param headers lower-case names of headers of the request that it has, too */
  constructor(fields: readonly AccessLogField[], headers: readonly string[], secrets: Secrets) {
    this.#fields = fields.map((field) => [field, readers[field]])
    this.#headers = headers
    this.#secrets = secrets
  }

  of(entry: ExchangeRecord): string {
    const line: Partial<Record<AccessLogField | 'headers', unknown>> = {}
    for (const [field, read] of this.#fields) line[field] = read(entry, this.#secrets)
    if (this.#headers.length > 0) line.headers = this.#headersOf(entry)
    return JSON.stringify(line)
  }

  #headersOf(entry: ExchangeRecord): Record<string, string | undefined> {
    return Object.fromEntries(
      this.#headers.map((name) => {
        const value = entry.header(name)
        return [name, value !== undefined && this.#secrets.hides(name) ? HIDDEN : value]
      }),
    )
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
