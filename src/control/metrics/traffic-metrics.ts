import { failureCodes } from '../../runtime/failure-code.ts'
import { reasons } from '../../runtime/reason.ts'
import {
  BUCKETS,
  COPY_OUTCOMES,
  PROTOCOLS,
  ServerCell,
  STATUS_CLASSES,
  UpstreamCell,
} from '../../runtime/tallies/layout.ts'
import { labelled, type Metric, sample } from './exposition.ts'
import type { Scene, UpstreamScene } from './scene.ts'

const CLASSES = STATUS_CLASSES.length
/** Those that are shown as soon as any of them was counted, so that the first error is an increase, and not a new series. */
const USUAL = new Set<string>(['2xx', '3xx', '4xx', '5xx'])

const codeLabels = STATUS_CLASSES.map((code) => labelled({ code }))
const protocolLabels = PROTOCOLS.map((protocol) => labelled({ protocol: protocol === 'unknown' ? '' : protocol }))
const reasonLabels = reasons.map((reason) => labelled({ reason }))
const copyLabels = COPY_OUTCOMES.map((outcome) => labelled({ outcome }))
const failureLabels = failureCodes.map((failure) => labelled({ failure }))
/** Written so that they are the same in both formats. */
const limitLabels = [...BUCKETS.map((limit) => (Number.isInteger(limit) ? `${limit}.0` : `${limit}`)), '+Inf'].map(
  (le) => labelled({ le }),
)

/** What is counted of requests and attempts. */
export const trafficMetrics: readonly Metric<Scene>[] = [
  {
    name: 'limpet_requests_total',
    type: 'counter',
    help: 'Requests, by the server of their last attempt.',
    labels: ['upstream', 'server', 'code', 'protocol'],
    *samples({ upstreams }, name) {
      for (const { labels, cells, servers } of upstreams) {
        yield* outcomes(name, `${labels},server=""`, cells, UpstreamCell.Outcomes)
        for (const server of servers) yield* outcomes(name, server.labels, server.cells, ServerCell.Outcomes)
      }
    },
  },
  {
    name: 'limpet_route_requests_total',
    type: 'counter',
    help: 'Requests, by their route.',
    labels: ['route', 'upstream', 'code'],
    *samples({ routes }, name) {
      for (const { labels, cells } of routes) yield* classes(name, labels, cells, 0)
    },
  },
  histogram(
    'limpet_request_duration_seconds',
    'How long requests took, without those that switched protocols.',
    UpstreamCell.Durations,
  ),
  histogram(
    'limpet_request_queue_seconds',
    'How long requests waited for a server, of those that had to.',
    UpstreamCell.QueueWaits,
  ),
  histogram(
    'limpet_connect_duration_seconds',
    'How long attempts waited for a connection to be opened.',
    UpstreamCell.Connects,
  ),
  histogram(
    'limpet_first_byte_seconds',
    'The time from the beginning of an attempt to the head of its response.',
    UpstreamCell.FirstBytes,
  ),
  {
    name: 'limpet_attempts_total',
    type: 'counter',
    help: 'Attempts on servers. The code is none where there was no answer.',
    labels: ['upstream', 'server', 'code'],
    *samples({ upstreams }, name) {
      for (const { servers } of upstreams)
        for (const { labels, cells } of servers) yield* classes(name, labels, cells, ServerCell.Attempts)
    },
  },
  counter('limpet_retries_total', 'Attempts of requests after their first.', UpstreamCell.Retries),
  indexed(
    'limpet_failures_total',
    'failure',
    'Requests that Limpet answered itself or broke off, by the cause.',
    failureLabels,
    UpstreamCell.Failures,
  ),
  indexed(
    'limpet_mirrored_requests_total',
    'outcome',
    'Copies of requests, by what became of them; they are no requests of clients.',
    copyLabels,
    UpstreamCell.Copies,
  ),
  counter('limpet_received_bytes_total', 'Bytes of bodies from clients.', UpstreamCell.Received),
  counter('limpet_sent_bytes_total', 'Bytes of bodies to clients.', UpstreamCell.Sent),
  indexed(
    'limpet_decisions_total',
    'reason',
    'Requests by why they went to their server, or to none.',
    reasonLabels,
    UpstreamCell.Reasons,
  ),
  counter('limpet_known_session_requests_total', 'Requests of users who had a server.', UpstreamCell.Known),
  counter(
    'limpet_stuck_session_requests_total',
    'Requests of users who had a server, and reached it.',
    UpstreamCell.Stuck,
  ),
  {
    name: 'limpet_stickiness_score',
    type: 'gauge',
    help: 'The share of requests of users who had a server that reached it, in the last 5 minutes.',
    labels: ['upstream'],
    *samples({ upstreams }, name) {
      for (const { labels, stickiness } of upstreams) if (stickiness !== null) yield sample(name, labels, stickiness)
    },
  },
]

/** A counter of upstreams. */
function counter(name: string, help: string, cell: number): Metric<Scene> {
  return {
    name,
    type: 'counter',
    help,
    labels: ['upstream'],
    *samples({ upstreams }, written) {
      for (const { labels, cells } of upstreams) yield sample(written, labels, cells[cell]!)
    },
  }
}

/** Counters of upstreams, of which those are shown that were counted. */
function indexed(name: string, label: string, help: string, labelsOf: readonly string[], at: number): Metric<Scene> {
  return {
    name,
    type: 'counter',
    help,
    labels: ['upstream', label],
    *samples({ upstreams }, written) {
      for (const { labels, cells } of upstreams)
        for (const [index, own] of labelsOf.entries()) {
          const count = cells[at + index]!
          if (count > 0) yield sample(written, `${labels},${own}`, count)
        }
    },
  }
}

/** A histogram of upstreams: shown once something was measured. */
function histogram(name: string, help: string, at: number): Metric<Scene> {
  return {
    name,
    type: 'histogram',
    help,
    labels: ['upstream'],
    *samples({ upstreams }, written) {
      for (const upstream of upstreams) yield* buckets(written, upstream, at)
    },
  }
}

function* buckets(name: string, { labels, cells }: UpstreamScene, at: number): Generator<string> {
  const sum = at + limitLabels.length
  let count = 0
  for (let cell = at; cell < sum; cell++) count += cells[cell]!
  if (count === 0) return
  let below = 0
  for (const [index, limit] of limitLabels.entries()) {
    below += cells[at + index]!
    yield sample(`${name}_bucket`, `${labels},${limit}`, below)
  }
  yield sample(`${name}_sum`, labels, cells[sum]!)
  yield sample(`${name}_count`, labels, count)
}

/** The classes of each protocol. */
function* outcomes(name: string, labels: string, cells: Float64Array, at: number): Generator<string> {
  for (const [index, protocol] of protocolLabels.entries())
    yield* classes(name, `${labels},${protocol}`, cells, at + index * CLASSES)
}

function* classes(name: string, labels: string, cells: Float64Array, at: number): Generator<string> {
  let all = 0
  for (let cell = at; cell < at + CLASSES; cell++) all += cells[cell]!
  if (all === 0) return
  for (const [index, code] of codeLabels.entries()) {
    const count = cells[at + index]!
    if (count > 0 || USUAL.has(STATUS_CLASSES[index]!)) yield sample(name, `${labels},${code}`, count)
  }
}
