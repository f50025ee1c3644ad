import type { AttemptRecord, CopyOutcome, ExchangeObserver, ExchangeRecord } from '../observability/exchange-record.ts'
import { now, wallSeconds } from '../runtime/clock.ts'
import { failureCodes } from '../runtime/failure-code.ts'
import { reasons } from '../runtime/reason.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import {
  BUCKETS,
  COPY_OUTCOMES,
  HISTOGRAM,
  NO_UPSTREAM,
  PROTOCOLS,
  ROUTE_CELLS,
  SERVER_CELLS,
  ServerCell,
  STATUS_CLASSES,
  UPSTREAM_CELLS,
  UpstreamCell,
} from '../runtime/tallies/layout.ts'
import type { Tally } from '../runtime/tally.ts'

const CLASSES = STATUS_CLASSES.length
const SUM = HISTOGRAM - 1

const protocolIndices = new Map<string, number>(
  PROTOCOLS.map((name, index) => [index === 0 ? '' : `HTTP/${name === '2' ? '2.0' : name}`, index]),
)
const reasonIndices = new Map<string, number>(reasons.map((reason, index) => [reason, index]))
/** By the index of the reason: whether the request belonged to a server when it came. */
const ofKnown = reasons.map((reason) => /^(?:stuck$|away$|moved:|refused:)/.test(reason))
const failureIndices = new Map<string, number>(failureCodes.map((code, index) => [code, index]))

/** Counts what exchanges come to, and each of their attempts. */
export class ExchangeTally implements ExchangeObserver {
  readonly #tally: Tally

  constructor(tally: Tally) {
    this.#tally = tally
  }

  ended(record: ExchangeRecord): void {
    const { servers, upstreams, routes } = this.#tally
    const { route, upstream, server, status, reason, failure } = record
    const outcome = (protocolIndices.get(record.request.protocol) ?? 0) * CLASSES + classOf(status)
    if (route !== undefined) routes[(route.slot ?? 0) * ROUTE_CELLS + classOf(status)]!++
    const at = (upstream?.slot ?? NO_UPSTREAM) * UPSTREAM_CELLS
    if (server === undefined) upstreams[at + UpstreamCell.Outcomes + outcome]!++
    else servers[server.slot * SERVER_CELLS + ServerCell.Outcomes + outcome]!++
    if (reason !== undefined) {
      const index = reasonIndices.get(reason)!
      upstreams[at + UpstreamCell.Reasons + index]!++
      if (ofKnown[index] || (reason === 'retry' && wasKnown(record.standing))) upstreams[at + UpstreamCell.Known]!++
      if (reason === 'stuck') upstreams[at + UpstreamCell.Stuck]!++
    }
    if (failure !== undefined) upstreams[at + UpstreamCell.Failures + failureIndices.get(failure)!]!++
    if (record.attempts > 1) upstreams[at + UpstreamCell.Retries]! += record.attempts - 1
    upstreams[at + UpstreamCell.Received]! += record.bytesReceived
    upstreams[at + UpstreamCell.Sent]! += record.bytesSent
    // A switched protocol lasts as long as it is wanted.
    if (status !== 101) observe(upstreams, at + UpstreamCell.Durations, now() - record.startedAt)
    if (record.queued > 0) observe(upstreams, at + UpstreamCell.QueueWaits, record.queued)
  }

  attemptEnded(attempt: AttemptRecord): void {
    const { servers, upstreams } = this.#tally
    const { begunAt, connectedAt, answeredAt } = attempt
    const server = attempt.target.slot * SERVER_CELLS
    const upstream = attempt.upstream.slot * UPSTREAM_CELLS
    servers[server + ServerCell.Attempts + classOf(attempt.status)]!++
    servers[server + ServerCell.UsedAt] = wallSeconds()
    if (connectedAt > 0) observe(upstreams, upstream + UpstreamCell.Connects, connectedAt - begunAt)
    if (answeredAt === 0) return
    servers[server + ServerCell.AnswerSeconds]! += (answeredAt - begunAt) / 1000
    servers[server + ServerCell.Answers]!++
    observe(upstreams, upstream + UpstreamCell.FirstBytes, answeredAt - begunAt)
  }

  copyEnded({ slot }: Upstream, outcome: CopyOutcome): void {
    this.#tally.upstreams[slot * UPSTREAM_CELLS + UpstreamCell.Copies + COPY_OUTCOMES.indexOf(outcome)]!++
  }
}

/** Whether the session of a request that was tried elsewhere had a server. */
function wasKnown(standing: string | undefined): boolean {
  return standing === 'known' || standing === 'removed'
}

/** The index of the class of a status. */
function classOf(status: number): number {
  return status < 100 || status > 599 ? 0 : Math.trunc(status / 100)
}

/** Counts a time in a histogram. */
function observe(cells: Float64Array, at: number, ms: number): void {
  const seconds = ms / 1000
  let bucket = 0
  while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]!) bucket++
  cells[at + bucket]!++
  cells[at + SUM]! += seconds
}
