import type {
  AttemptedExchange,
  AttemptRecord,
  ExchangeObserver,
  ExchangeRecord,
  RecordedRequest,
  RecordedTrace,
} from '../observability/exchange-record.ts'
import type { Redaction } from '../observability/redaction.ts'
import { RouteRedactions } from '../observability/route-redactions.ts'
import { LONGEST_TEXT, SPANS_AT_ONCE, type SpanRecord } from '../observability/span-record.ts'
import { now, timeOfDayAt } from '../runtime/clock.ts'
import type { Snapshot } from '../runtime/snapshot.ts'
import { Outbox, type OutboxLimits } from './outbox.ts'

const LIMITS: OutboxLimits = { most: SPANS_AT_ONCE, after: 200, untaken: 8 }

/** The longest tracestate that goes with a span. */
const LONGEST_STATE = 512

/** Receives the spans, and calls `SpanRecorder.taken` for each call of `take`. */
export interface SpanSink {
  /** @param dropped how many spans were dropped since the last call */
  take(spans: readonly SpanRecord[], dropped: number): void
}

/** Makes spans of the exchanges whose traces are sampled, and of their attempts. Costs nothing where no trace is followed. */
export class SpanRecorder implements ExchangeObserver {
  readonly #outbox: Outbox<SpanRecord>
  #isOn = false
  #redactions = new RouteRedactions([])

  constructor(snapshot: Snapshot, sink: SpanSink) {
    this.#outbox = new Outbox(LIMITS, (spans, dropped) => sink.take(spans, dropped))
    this.apply(snapshot)
  }

  /** Records by these settings from now on; what was recorded before is handed over at once. */
  apply({ tracing, accessLog: { redact } }: Snapshot): void {
    this.#outbox.sendAll()
    this.#isOn = tracing !== undefined
    this.#redactions = new RouteRedactions(redact)
  }

  ended(exchange: ExchangeRecord): void {
    const { trace, request } = exchange
    if (trace === undefined || !this.#records(trace)) return
    const { bytes, authorityStart, authorityEnd, userAgentStart, userAgentEnd } = request
    this.#outbox.add({
      kind: 'exchange',
      ...this.#common(trace, exchange.startedAt, exchange),
      spanId: trace.spanId,
      parentId: trace.parentId,
      isSecure: exchange.isSecure,
      protocol: request.protocol,
      status: exchange.status,
      failure: exchange.failure,
      grpcStatus: exchange.grpcStatus,
      authority: textOf(bytes, authorityStart, authorityEnd),
      clientAddress: exchange.clientAddress,
      userAgent: textOf(bytes, userAgentStart, userAgentEnd),
      route: exchange.route?.path,
      upstream: exchange.upstreamName,
      server: exchange.server?.name,
      reason: exchange.reason,
      standing: exchange.standing,
      queued: exchange.queued,
    })
  }

  attemptEnded(attempt: AttemptRecord, exchange: AttemptedExchange): void {
    const { trace } = exchange
    if (trace === undefined || !this.#records(trace)) return
    const { upstream, target, answeredAt } = attempt
    const { endpoint } = target
    this.#outbox.add({
      kind: 'attempt',
      ...this.#common(trace, attempt.begunAt, exchange),
      spanId: attempt.spanId,
      parentId: trace.spanId,
      isSecure: upstream.tls !== undefined,
      protocol: attempt.protocol,
      status: attempt.status,
      // An attempt that did not fail by itself ends with its exchange.
      failure: attempt.failureCode ?? exchange.failure,
      grpcStatus: answeredAt > 0 ? exchange.grpcStatus : undefined,
      upstream: upstream.name,
      server: target.name,
      address: 'host' in endpoint ? endpoint.host : endpoint.path,
      port: 'port' in endpoint ? endpoint.port : undefined,
      resends: exchange.attempts - 1,
    })
  }

  #common(trace: RecordedTrace, startedAt: number, { request, route }: AttemptedExchange) {
    const redaction = this.#redactions.of(route)
    return {
      traceId: trace.traceId,
      flags: trace.flags,
      state: trace.state.length > LONGEST_STATE ? '' : trace.state,
      startedAt: timeOfDayAt(startedAt),
      endedAt: timeOfDayAt(now()),
      method: request.method,
      path: urlIn(request, request.pathStart, request.pathEnd, redaction),
      query: urlIn(request, request.pathEnd, request.targetEnd, redaction).slice('?'.length),
      isGrpc: request.isGrpc,
    }
  }

  /** Whether a span of that trace is wanted, and can be kept. If there is no room, it counts as dropped. */
  #records({ isSampled }: RecordedTrace): boolean {
    if (!isSampled || !this.#isOn) return false
    if (this.#outbox.isFull) this.#outbox.drop()
    return !this.#outbox.isFull
  }

  /** The sink has taken what it was handed at one time. */
  taken(): void {
    this.#outbox.taken()
  }

  /** Hands over everything. */
  stop(): void {
    this.#outbox.sendAll()
  }
}

/** @param redaction undefined if no values are redacted */
function urlIn({ bytes }: RecordedRequest, from: number, to: number, redaction: Redaction | undefined): string {
  if (redaction === undefined || from === to) return textOf(bytes, from, to)
  const redacted = redaction.url(bytes, from, to)
  return textOf(redacted, 0, redacted.length)
}

function textOf(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('latin1', from, Math.min(to, from + LONGEST_TEXT))
}
