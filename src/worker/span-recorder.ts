import type {
  AttemptRecord,
  ExchangeObserver,
  ExchangeRecord,
  RecordedRequest,
  RecordedTrace,
} from '../observability/exchange-record.ts'
import { Redaction } from '../observability/redaction.ts'
import { LONGEST_TEXT, SPANS_AT_ONCE, type SpanRecord } from '../observability/span-record.ts'
import { now, timeOfDayAt } from '../runtime/clock.ts'
import type { Snapshot } from '../runtime/snapshot.ts'

/** Spans are handed over once there are `SPANS_AT_ONCE`, or after that many ms. */
const HAND_OVER_AFTER = 200

/** How many times spans are handed over before the first ones have been taken. Spans that end meanwhile are dropped. */
const MAX_UNTAKEN = 8

/** The longest tracestate that goes with a span. */
const LONGEST_STATE = 512

/** Receives the spans, and calls `SpanRecorder.taken` for each call of `take`. */
export interface SpanSink {
  /** @param dropped how many spans were dropped since the last call */
  take(spans: readonly SpanRecord[], dropped: number): void
}

/** Makes spans of the exchanges whose traces are sampled, and of their attempts. Costs nothing where no trace is followed. */
export class SpanRecorder implements ExchangeObserver {
  readonly #sink: SpanSink
  #isOn = false
  /** Undefined if no values are redacted. */
  #redaction: Redaction | undefined
  #spans: SpanRecord[] = []
  #dropped = 0
  #untaken = 0
  #timer: NodeJS.Timeout | undefined

  constructor(snapshot: Snapshot, sink: SpanSink) {
    this.#sink = sink
    this.apply(snapshot)
  }

  /** Records by these settings from now on; what was recorded before is handed over at once. */
  apply({ tracing, accessLog: { redact } }: Snapshot): void {
    this.#handOver()
    this.#isOn = tracing !== undefined
    this.#redaction = redact.length > 0 ? new Redaction(redact) : undefined
  }

  ended(exchange: ExchangeRecord): void {
    const { trace, request } = exchange
    if (trace === undefined || !this.#records(trace)) return
    const { bytes, authorityStart, authorityEnd, userAgentStart, userAgentEnd } = request
    this.#add({
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

  attemptEnded(attempt: AttemptRecord, exchange: ExchangeRecord): void {
    const { trace } = exchange
    if (trace === undefined || !this.#records(trace)) return
    const { upstream, target, answeredAt } = attempt
    const { endpoint } = target
    this.#add({
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

  #common(trace: RecordedTrace, startedAt: number, { request }: ExchangeRecord) {
    return {
      traceId: trace.traceId,
      flags: trace.flags,
      state: trace.state.length > LONGEST_STATE ? '' : trace.state,
      startedAt: timeOfDayAt(startedAt),
      endedAt: timeOfDayAt(now()),
      method: request.method,
      path: this.#url(request, request.pathStart, request.pathEnd),
      query: this.#url(request, request.pathEnd, request.targetEnd).slice('?'.length),
      isGrpc: request.isGrpc,
    }
  }

  #url({ bytes }: RecordedRequest, from: number, to: number): string {
    if (this.#redaction === undefined || from === to) return textOf(bytes, from, to)
    const redacted = this.#redaction.url(bytes, from, to)
    return textOf(redacted, 0, redacted.length)
  }

  /** Whether a span of that trace is wanted, and can be kept. If there is no room, it counts as dropped. */
  #records({ isSampled }: RecordedTrace): boolean {
    if (!isSampled || !this.#isOn) return false
    const hasRoom = this.#spans.length < SPANS_AT_ONCE
    if (!hasRoom) this.#dropped++
    return hasRoom
  }

  #add(span: SpanRecord): void {
    this.#spans.push(span)
    if (this.#spans.length === SPANS_AT_ONCE) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), HAND_OVER_AFTER)
  }

  #flush(): void {
    if (this.#untaken < MAX_UNTAKEN) this.#handOver()
  }

  #handOver(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#spans.length === 0 && this.#dropped === 0) return
    this.#sink.take(this.#spans, this.#dropped)
    this.#untaken++
    this.#spans = []
    this.#dropped = 0
  }

  /** The sink has taken what it was handed at one time. */
  taken(): void {
    this.#untaken--
    if (this.#spans.length > 0) this.#flush()
  }

  /** Hands over everything. */
  stop(): void {
    this.#handOver()
  }
}

function textOf(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('latin1', from, Math.min(to, from + LONGEST_TEXT))
}
