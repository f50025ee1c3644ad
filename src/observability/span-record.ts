import type { Protocol } from './exchange-record.ts'

/**
 * An exchange or an attempt that is over, as plain data that a worker hands to the control plane. Times of day are in ms since
 * 1970, with fractions. Texts that clients choose are cut to `LONGEST_TEXT`.
 */
export type SpanRecord = ExchangeSpan | AttemptSpan

/** The most characters of a text that a client chooses. */
export const LONGEST_TEXT = 1024

/** The most spans that are handed over at a time. */
export const SPANS_AT_ONCE = 512

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
  /** The request's tracestate; empty for none, or where it is too long. */
  readonly state: string
  readonly startedAt: number
  readonly endedAt: number
  readonly method: string
  /** Redacted as in the access log. */
  readonly path: string
  /** Redacted as in the access log; without the question mark. */
  readonly query: string
  readonly protocol: Protocol | undefined
  /** 0 for none. */
  readonly status: number
  readonly failure: string | undefined
  readonly isGrpc: boolean
  readonly grpcStatus: number | undefined
}

/** What Limpet did for its client. */
export interface ExchangeSpan extends Span {
  readonly kind: 'exchange'
  /** The client's span; undefined if the trace begins here. */
  readonly parentId: string | undefined
  readonly isSecure: boolean
  /** The host of the request, as the client wrote it, perhaps with its port. */
  readonly authority: string
  readonly clientAddress: string
  readonly userAgent: string
  /** The path of the route. */
  readonly route: string | undefined
  readonly upstream: string | undefined
  readonly server: string | undefined
  readonly reason: string | undefined
  readonly standing: string | undefined
  /** In ms. */
  readonly queued: number
}

/** What Limpet asked of a server. */
export interface AttemptSpan extends Span {
  readonly kind: 'attempt'
  /** The span of its exchange. */
  readonly parentId: string
  readonly upstream: string
  readonly server: string
  /** Where the server is: a host and a port, or a Unix socket's path. */
  readonly address: string
  readonly port: number | undefined
  /** Whether the connection to the server is encrypted. */
  readonly isSecure: boolean
  /** How many attempts of the exchange there were before. */
  readonly resends: number
}
