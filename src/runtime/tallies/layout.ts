/**
 * Where everything lies in a worker's tallies: the only file that knows the offsets. Cells are numbers of 64 bits, which count
 * exactly up to 2^53. Each record begins at its slot times its size.
 */
import { MAX_ROUTES, MAX_SERVERS, MAX_UPSTREAMS } from '../bounds.ts'

/** The classes of status codes, by their first digit; 0 stands for none. */
export const STATUS_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const
/** What requests are sent by; `unknown` for those that could not be parsed. */
export const PROTOCOLS = ['unknown', '1.0', '1.1', '2'] as const

/** What becomes of copies of requests. */
export const COPY_OUTCOMES = ['answered', 'failed', 'dropped'] as const

/** A cell for each class of each protocol. */
export const OUTCOMES = STATUS_CLASSES.length * PROTOCOLS.length

/** The upper limits of the histograms' buckets, in s; the last bucket has none. */
export const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const
/** A cell for each bucket, one for what is above all limits, and one for the sum, in s. */
export const HISTOGRAM = BUCKETS.length + 2

/** The cells of a worker as a whole, and of the control plane. */
export const WorkerCell = {
  /** Connections of clients that were accepted, and their TLS handshakes. */
  Connections: 0,
  HandshakesFull: 1,
  HandshakesResumed: 2,
  HandshakesFailed: 3,
  /** How late the event loop was in the last interval, in s: the median, the 99th percentile and the maximum. */
  DelayMedian: 4,
  DelayHigh: 5,
  DelayMost: 6,
  /** Configurations that came into effect, and those that were refused. */
  AppliesOk: 7,
  AppliesRefused: 8,
  /** When the last one came into effect, in s since 1970. */
  AppliedAt: 9,
  WorkersRestarted: 10,
  /** Those of processes that this one has replaced: its own are counted elsewhere. */
  DroppedLines: 11,
  ProcessorSeconds: 12,
  SpansExported: 13,
  SpansDropped: 14,
  /** How often what sources had found came into effect. */
  DiscoveryApplies: 15,
  /** What limits would have refused, and how often one had no place for a key. */
  DryRuns: 16,
  RateOverflows: 17,
  ConcurrencyOverflows: 18,
} as const
export const WORKER_CELLS = 24

/** The cells of a server. */
export const ServerCell = {
  /** Exchanges whose last attempt was made here. */
  Outcomes: 0,
  /** Attempts by how they ended: the class of the status; `none` where there was no answer. */
  Attempts: OUTCOMES,
  /** The times to the first byte of answers together, in s, and how many there were. */
  AnswerSeconds: OUTCOMES + STATUS_CLASSES.length,
  Answers: OUTCOMES + STATUS_CLASSES.length + 1,
  /** When an attempt was last made, in s since 1970. */
  UsedAt: OUTCOMES + STATUS_CLASSES.length + 2,
  /** How often traffic has taken it out: ejected for its answers, or suspended for failures. */
  Ejections: OUTCOMES + STATUS_CLASSES.length + 3,
} as const
export const SERVER_CELLS = 40

/** How many reasons and failures there is room for. */
const REASONS = 24
const FAILURES = 64

/** The cells of an upstream. */
export const UpstreamCell = {
  /** Exchanges that no attempt was made for. */
  Outcomes: 0,
  /** By the index of the reason. */
  Reasons: OUTCOMES,
  /** By the index of the code. */
  Failures: OUTCOMES + REASONS,
  Retries: OUTCOMES + REASONS + FAILURES,
  /** Bytes of bodies. */
  Received: OUTCOMES + REASONS + FAILURES + 1,
  Sent: OUTCOMES + REASONS + FAILURES + 2,
  /** Exchanges of sessions that were known before, and those of them that reached their server. */
  Known: OUTCOMES + REASONS + FAILURES + 3,
  Stuck: OUTCOMES + REASONS + FAILURES + 4,
  /** Copies of requests by what became of them, in the order of COPY_OUTCOMES. */
  Copies: OUTCOMES + REASONS + FAILURES + 5,
  /** Histograms. */
  Durations: OUTCOMES + REASONS + FAILURES + 8,
  Connects: OUTCOMES + REASONS + FAILURES + 8 + HISTOGRAM,
  FirstBytes: OUTCOMES + REASONS + FAILURES + 8 + 2 * HISTOGRAM,
  QueueWaits: OUTCOMES + REASONS + FAILURES + 8 + 3 * HISTOGRAM,
} as const
export const UPSTREAM_CELLS = UpstreamCell.QueueWaits + HISTOGRAM

/** The slot of what belongs to no upstream: requests without a route, redirects, requests that could not be parsed. */
export const NO_UPSTREAM = MAX_UPSTREAMS

/** The cells of a route: a class each. Slot 0 is that of all routes without one of their own. */
export const ROUTE_CELLS = STATUS_CLASSES.length

const SERVERS_AT = WORKER_CELLS
const UPSTREAMS_AT = SERVERS_AT + MAX_SERVERS * SERVER_CELLS
const ROUTES_AT = UPSTREAMS_AT + (MAX_UPSTREAMS + 1) * UPSTREAM_CELLS
const SIZE = ROUTES_AT + MAX_ROUTES * ROUTE_CELLS

export interface TallyRegions {
  readonly worker: Float64Array
  readonly servers: Float64Array
  readonly upstreams: Float64Array
  readonly routes: Float64Array
}

export function newTallyMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(SIZE * Float64Array.BYTES_PER_ELEMENT)
}

export function tallyRegionsOf(memory: SharedArrayBuffer): TallyRegions {
  const cells = new Float64Array(memory)
  return {
    worker: cells.subarray(0, SERVERS_AT),
    servers: cells.subarray(SERVERS_AT, UPSTREAMS_AT),
    upstreams: cells.subarray(UPSTREAMS_AT, ROUTES_AT),
    routes: cells.subarray(ROUTES_AT, SIZE),
  }
}
