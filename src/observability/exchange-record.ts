import type { Route, Server, Upstream } from '../runtime/snapshot.ts'

/** What a request was sent by, as nginx spells it; empty for a request that could not be parsed. */
export type Protocol = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2.0' | ''

/** What is recorded of a request itself. */
export interface RecordedRequest {
  /** The bytes that the offsets below point into. */
  readonly bytes: Buffer
  readonly headStart: number
  /** Where the request line ends: before the space and the protocol, or after whatever could not be parsed. */
  readonly requestLineEnd: number
  readonly protocol: Protocol
  /** Empty for a request that could not be parsed; then the path, the query and the protocol are empty too. */
  readonly method: string
  readonly pathStart: number
  readonly pathEnd: number
  /** The end of the path and the query. */
  readonly targetEnd: number
  /** The host of the request, as the client wrote it. */
  readonly authorityStart: number
  readonly authorityEnd: number
  readonly refererStart: number
  readonly refererEnd: number
  readonly userAgentStart: number
  readonly userAgentEnd: number
  readonly id: string
  /** Whether it is a call of gRPC. */
  readonly isGrpc: boolean
}

/** What is recorded of the connection of a request by TLS. */
export interface RecordedTls {
  readonly version: string
  readonly cipher: string
  /** Empty if the client named no host. */
  readonly serverName: string
  readonly isResumed: boolean
  /** Undefined or absent if the client has shown none that counts. */
  readonly clientCertificate?: RecordedCertificate | undefined
}

/** What a client's certificate says. */
interface RecordedCertificate {
  readonly subject: string
  readonly issuer: string
  readonly fingerprint: string
  readonly serial: string
  readonly notAfter: string
}

/** The place of a request in its trace (W3C Trace Context): ids are lower-case hexadecimal digits. */
export interface RecordedTrace {
  readonly traceId: string
  /** What names the exchange itself. */
  readonly spanId: string
  /** The client's span; undefined if the trace begins here. */
  readonly parentId: string | undefined
  /** The trace flags. */
  readonly flags: number
  /** The request's tracestate; empty for none. */
  readonly state: string
  readonly isSampled: boolean
}

/** What a filter of the route has decided. */
export interface FilterDecision {
  /** Its name in the configuration file. */
  readonly filter: string
  readonly decision: string
}

/** What is known of an exchange when one of its attempts is over. */
export interface AttemptedExchange {
  /** Undefined for a copy, and where none matched. */
  readonly route: Route | undefined
  readonly request: RecordedRequest
  /** The status of a gRPC call; undefined for any other request, and for a call that had none. */
  readonly grpcStatus: number | undefined
  readonly attempts: number
  /** Why Limpet answered itself, or broke the response off. */
  readonly failure: string | undefined
  /** Undefined if traces are not followed, too. */
  readonly trace: RecordedTrace | undefined
}

/** An exchange that is over. Times are in ms on the shared clock, sizes in bytes. */
export interface ExchangeRecord extends AttemptedExchange {
  readonly clientAddress: string
  /** Whether the client came by HTTPS, as far as anybody trusted says. */
  readonly isSecure: boolean
  /** Undefined if the client's connection is not encrypted here. */
  readonly tls: RecordedTls | undefined
  readonly startedAt: number
  /** The time it waited in the queue of its upstream. */
  readonly queued: number
  /** The status that the client got; 499 if it disconnected before. */
  readonly status: number
  /** The bytes of the body. */
  readonly bytesSent: number
  /** Undefined if no route matched. */
  readonly upstreamName: string | undefined
  /** One for each attempt, separated by a comma and a space; empty if there was none. */
  readonly serverNames: string
  /** One for each attempt, separated by a comma and a space; empty if there was none. */
  readonly upstreamAddresses: string
  readonly upstreamStatuses: string
  readonly reason: string | undefined
  /** The value of the first field of that lower-case name in the request; undefined for none, or a request that was not understood. */
  header(name: string): string | undefined
  /** The rest is undefined, 0 or false where the request got no further. */
  /** The user that a filter has authenticated, one character a byte. */
  readonly user: string | undefined
  /** What its filters have decided, in order, as far as they say it; undefined if it has none. */
  readonly decisions: readonly FilterDecision[] | undefined
  readonly upstream: Upstream | undefined
  /** That of the last attempt. */
  readonly server: Server | undefined
  /** What the session that the request showed was: `known`, `new`, `invalid` and so on; undefined if it showed none. */
  readonly standing: string | undefined
  /** The bytes of the request's body that have arrived. */
  readonly bytesReceived: number
  /** When the response began; 0 if it never did. */
  readonly respondedAt: number
}

/** An attempt that is over. Times are in ms on the shared clock. */
export interface AttemptRecord {
  readonly upstream: Upstream
  readonly target: Server
  /** What names it in its trace; empty if the exchange has none. */
  readonly spanId: string
  /** What the server spoke; undefined if the request was not sent. */
  readonly protocol: Protocol | undefined
  readonly begunAt: number
  /** When the connection was open, if it was opened for this attempt; else 0. */
  readonly connectedAt: number
  /** When the head of the final response arrived; 0 if it never did. */
  readonly answeredAt: number
  /** The status of the response; 0 if there was none. */
  readonly status: number
  /** How it failed; undefined if it did not. */
  readonly failureCode: string | undefined
}

/** What became of a copy of a request: it was answered, it was sent and got no whole answer, or it was not sent. */
export type CopyOutcome = 'answered' | 'failed' | 'dropped'

/** Is notified of every exchange that is over: the access log, for one. */
export interface ExchangeObserver {
  ended(record: ExchangeRecord): void
  /** One of its attempts is over. */
  attemptEnded?(attempt: AttemptRecord, exchange: AttemptedExchange): void
  /** A copy of a request is over. Its attempt is reported as any other. */
  copyEnded?(upstream: Upstream, outcome: CopyOutcome): void
}
