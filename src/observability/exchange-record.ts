/** What is recorded of a request itself. */
export interface RecordedRequest {
  /** The bytes that the offsets below point into. */
  readonly bytes: Buffer
  readonly headStart: number
  readonly requestLineEnd: number
  /** Empty, as the path, the query and the protocol are, for a request that was not understood. */
  readonly method: string
  readonly pathStart: number
  readonly pathEnd: number
  /** Of the path and the query. */
  readonly targetEnd: number
  /** Whom the request is for, as the client wrote it. */
  readonly authorityStart: number
  readonly authorityEnd: number
  readonly refererStart: number
  readonly refererEnd: number
  readonly userAgentStart: number
  readonly userAgentEnd: number
  readonly id: string
}

/** An exchange that is over. Times in ms on the shared clock, sizes in bytes. */
export interface ExchangeRecord {
  readonly clientAddress: string
  readonly request: RecordedRequest
  readonly startedAt: number
  /** How long it waited in its upstream's queue. */
  readonly queued: number
  /** What the client was told; 499 if it left before that. */
  readonly status: number
  /** Of the body. */
  readonly bytesSent: number
  /** Undefined where no upstream was found. */
  readonly upstreamName: string | undefined
  /** One for each attempt, separated by a comma and a space; empty for none. */
  readonly serverNames: string
  /** One for each attempt, separated by a comma and a space; empty for none. */
  readonly upstreamAddresses: string
  readonly upstreamStatuses: string
  readonly reason: string | undefined
}

/** What is told of every exchange that is over: the access log, for one. */
export interface ExchangeObserver {
  ended(record: ExchangeRecord): void
}
