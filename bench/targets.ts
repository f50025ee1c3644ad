import { attacks } from './http2-attacks.ts'
import type { MetricName } from './metric.ts'
import { metrics } from './metric.ts'
import { REFERENCE } from './peers/registry.ts'
import { type CaseResult, entryOf, type Results, ratioOf, summaryOf } from './results.ts'
import type { Summary } from './statistics.ts'

/** A goal for Limpet in a case. */
export interface Target {
  readonly title: string
  readonly case: string
  /** Default: the first one. */
  readonly variant?: string
  readonly metric: MetricName
  /** The name of the peer to judge. Default: `limpet`. */
  readonly of?: string
  /** The reference: a peer, or Limpet with the first variant, compared with this variant. Default: none. */
  readonly against?: { readonly peer: string } | { readonly variant: string }
  readonly goal: number
  readonly stretch: number
}

const reference = { peer: REFERENCE }

/** What each attack by HTTP/2 may cost. */
const underAttack: readonly Target[] = attacks.flatMap(({ name }) => [
  {
    title: `${name}: memory`,
    case: 'hostile-http2',
    variant: name,
    metric: 'growth',
    goal: 50_000_000,
    stretch: 20_000_000,
  },
  {
    title: `${name}: p99 of others`,
    case: 'hostile-http2',
    variant: name,
    metric: 'slowdown',
    goal: 1.2,
    stretch: 1.1,
  },
])

/** Ratios to nginx unless the title says otherwise. */
export const targets: readonly Target[] = [
  {
    title: 'small keep-alive: CPU a request',
    case: 'small',
    metric: 'cpu',
    against: reference,
    goal: 1.15,
    stretch: 1,
  },
  {
    title: 'small keep-alive: requests/s on one core',
    case: 'small',
    metric: 'requests',
    against: reference,
    goal: 0.87,
    stretch: 1,
  },
  { title: 'p99 at 64 connections', case: 'small', metric: 'p99', against: reference, goal: 1.25, stretch: 1 },
  {
    title: 'a new connection per request: CPU',
    case: 'connections',
    metric: 'cpu',
    against: reference,
    goal: 1.5,
    stretch: 1.2,
  },
  { title: '64 kB answers: CPU', case: '64kB', metric: 'cpu', against: reference, goal: 1.25, stretch: 1 },
  {
    title: '10 MB answers: throughput',
    case: '10MB',
    metric: 'throughput',
    against: reference,
    goal: 0.95,
    stretch: 1,
  },
  {
    title: '1 MB uploads: throughput',
    case: 'upload',
    metric: 'throughput',
    against: reference,
    goal: 0.9,
    stretch: 1,
  },
  { title: 'an idle keep-alive connection', case: 'idle', metric: 'connection', goal: 10_000, stretch: 5000 },
  {
    title: '1,000 servers against 2: CPU a request',
    case: 'servers',
    metric: 'cpu',
    against: { variant: '1,000 servers' },
    goal: 1.05,
    stretch: 1.02,
  },
  {
    title: '10,000 routes against 2: CPU a request',
    case: 'routes',
    metric: 'cpu',
    against: { variant: '10,000 routes' },
    goal: 1.05,
    stretch: 1.02,
  },
  {
    title: 'filters for headers, path and rate against none: CPU a request',
    case: 'filters',
    metric: 'cpu',
    against: { variant: 'headers, path and rate limit' },
    goal: 1.1,
    stretch: 1.05,
  },
  {
    title: 'gzip of 64 kB: CPU a request',
    case: 'gzip',
    metric: 'cpu',
    against: { peer: 'nginx-by-hand' },
    goal: 1.1,
    stretch: 1,
  },
  {
    title: 'sticky by cookie against by address: CPU a request',
    case: 'sticky',
    metric: 'cpu',
    against: { variant: 'by cookie' },
    goal: 1.05,
    stretch: 1.02,
  },
  {
    title: "against the lab's own nginx file: requests/s",
    case: 'small',
    metric: 'requests',
    against: { peer: 'nginx-lab' },
    goal: 3,
    stretch: 4,
  },
  {
    title: 'against Caddy: requests/s',
    case: 'small',
    metric: 'requests',
    against: { peer: 'caddy' },
    goal: 2.5,
    stretch: 3.5,
  },
  {
    title: 'against the JavaScript way: requests/s',
    case: 'small',
    metric: 'requests',
    against: { peer: 'node-http' },
    goal: 5,
    stretch: 7,
  },
  {
    title: 'HTTPS keep-alive: CPU a request',
    case: 'https-small',
    metric: 'cpu',
    against: reference,
    goal: 1.1,
    stretch: 1,
  },
  {
    title: 'full TLS handshakes: CPU',
    case: 'https-new',
    variant: 'full handshakes',
    metric: 'cpu',
    against: reference,
    goal: 1.1,
    stretch: 1,
  },
  {
    title: 'resumed TLS sessions: CPU',
    case: 'https-new',
    variant: 'resumed sessions',
    metric: 'cpu',
    against: reference,
    goal: 1.3,
    stretch: 1,
  },
  {
    title: 'HTTP/2, 8 × 8 streams: CPU a request',
    case: 'h2-small',
    variant: '8 connections × 8 streams',
    metric: 'cpu',
    against: reference,
    goal: 0.9,
    stretch: 0.6,
  },
  {
    title: 'HTTP/2, 64 × 1 stream: CPU a request',
    case: 'h2-small',
    variant: '64 connections × 1 stream',
    metric: 'cpu',
    against: reference,
    goal: 1.1,
    stretch: 1,
  },
  {
    title: 'HTTP/2, 10 MB down: throughput',
    case: 'h2-large',
    variant: 'down',
    metric: 'throughput',
    against: reference,
    goal: 1,
    stretch: 1.2,
  },
  {
    title: 'HTTP/2, 10 MB up: throughput',
    case: 'h2-large',
    variant: 'up',
    metric: 'throughput',
    against: reference,
    goal: 1,
    stretch: 1.2,
  },
  {
    title: 'a warm start to the first answer',
    case: 'start',
    metric: 'start',
    of: 'limpet-built',
    goal: 200_000,
    stretch: 100_000,
  },
  {
    title: 'anonymous memory at rest, one worker',
    case: 'start',
    metric: 'anonymous',
    of: 'limpet-built',
    goal: 45_000_000,
    stretch: 30_000_000,
  },
  ...underAttack,
]

/** Undefined if it was not measured. */
export function measured(target: Target, results: Results): Summary | undefined {
  const result = results.cases[target.case]
  const limpet = result && entryOf(result, target.of ?? 'limpet', target.variant)
  if (result === undefined || limpet === undefined) return undefined
  if (target.against === undefined) return summaryOf(limpet, target.metric)
  if ('peer' in target.against) return against(result, target.against.peer, target)
  const other = entryOf(result, 'limpet', target.against.variant)
  return other && ratioOf(other, limpet, target.metric)
}

function against(result: CaseResult, peer: string, { metric, variant }: Target): Summary | undefined {
  const limpet = entryOf(result, 'limpet', variant)
  const other = entryOf(result, peer, variant)
  return limpet && other && ratioOf(limpet, other, metric)
}

export type Verdict = 'stretch' | 'met' | 'missed'

/** Judges the median. */
export function judge({ metric, goal, stretch }: Target, { median }: Summary): Verdict {
  const reaches = (bound: number) => (metrics[metric].better === 'less' ? median <= bound : median >= bound)
  if (reaches(stretch)) return 'stretch'
  return reaches(goal) ? 'met' : 'missed'
}
