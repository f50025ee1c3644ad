import type { Server, Upstream } from '../../admin/answers.ts'
import type { Traffic } from '../../admin/traffic.ts'
import { formatCount } from '../count.ts'
import { type Column, plain } from './grid.ts'
import { formatAmount, formatShare } from './numbers.ts'
import { spark } from './spark.ts'
import type { Tone } from './tone.ts'

type UpstreamTraffic = Traffic['upstreams'][number]
type ServerTraffic = UpstreamTraffic['servers'][number]

export interface UpstreamRow {
  readonly upstream: Upstream
  readonly traffic: UpstreamTraffic | undefined
}

export interface ServerRow {
  readonly upstream: string
  readonly server: Server
  readonly traffic: ServerTraffic | undefined
}

const SPARK = 20

export function upstreamRows(upstreams: readonly Upstream[], traffic: Traffic | undefined): UpstreamRow[] {
  const found = new Map(traffic?.upstreams.map((each) => [each.name, each]))
  return upstreams.map((upstream) => ({ upstream, traffic: found.get(upstream.name) }))
}

export function serverRows(upstreams: readonly Upstream[], traffic: Traffic | undefined): ServerRow[] {
  return upstreamRows(upstreams, traffic).flatMap(({ upstream, traffic }) => {
    const found = new Map(traffic?.servers.map((each) => [each.name, each]))
    return upstream.servers.map((server) => ({
      upstream: upstream.name,
      server,
      traffic: found.get(server.name),
    }))
  })
}

/** A column of numbers, which is sorted by them. */
function numbers<Row>(
  title: string,
  rank: number,
  value: (row: Row) => number | null | undefined,
  format: (value: number) => string = formatAmount,
  tone: (value: number) => Tone = () => 'plain',
): Column<Row> {
  return {
    title,
    rank,
    sortBy: (row) => value(row) ?? -1,
    cell: (row) => {
      const found = value(row)
      return found === null || found === undefined ? plain('-', 'quiet') : plain(format(found), tone(found))
    },
  }
}

const badIfAny = (value: number): Tone => (value > 0 ? 'bad' : 'plain')

export const upstreamColumns: readonly Column<UpstreamRow>[] = [
  { title: 'UPSTREAM', rank: 0, isLeft: true, cell: ({ upstream }) => plain(upstream.name) },
  {
    title: 'UP',
    rank: 2,
    sortBy: ({ upstream }) => upCount(upstream),
    cell: ({ upstream }) => {
      const up = upCount(upstream)
      const all = upstream.servers.length
      return plain(`${up}/${all}`, up === all ? 'good' : up === 0 ? 'bad' : 'warn')
    },
  },
  numbers('REQ/S', 1, ({ traffic }) => traffic?.requests),
  numbers('ERR/S', 3, ({ traffic }) => traffic?.errors, formatAmount, badIfAny),
  numbers('P50 MS', 6, ({ traffic }) => traffic?.p50),
  numbers('P95 MS', 4, ({ traffic }) => traffic?.p95),
  numbers('P99 MS', 7, ({ traffic }) => traffic?.p99),
  numbers('IN FLIGHT', 5, ({ traffic }) => traffic?.inFlight, formatCount),
  numbers('TUNNELS', 9, ({ traffic }) => traffic?.tunnels, formatCount),
  numbers(
    'QUEUED',
    10,
    ({ traffic }) => traffic?.queued,
    formatCount,
    (value) => (value > 0 ? 'warn' : 'plain'),
  ),
  numbers('RETRIES/S', 11, ({ traffic }) => traffic?.retries),
  numbers('STICKY', 8, ({ traffic }) => traffic?.stickiness, formatShare),
  { title: 'BALANCE', rank: 12, isLeft: true, cell: ({ upstream }) => plain(upstream.balance, 'quiet') },
]

export const serverColumns: readonly Column<ServerRow>[] = [
  { title: 'UPSTREAM', rank: 1, isLeft: true, cell: ({ upstream }) => plain(upstream) },
  { title: 'SERVER', rank: 0, isLeft: true, cell: ({ server }) => plain(server.name) },
  { title: 'STATE', rank: 2, isLeft: true, cell: ({ server }) => plain(stateOf(server), toneOf(server)) },
  numbers('WEIGHT', 6, ({ server }) => server.weight, formatCount),
  numbers('REQ/S', 3, ({ traffic }) => traffic?.requests),
  numbers('ERR/S', 4, ({ traffic }) => traffic?.errors, formatAmount, badIfAny),
  numbers('MS', 5, ({ traffic }) => traffic?.latency),
  numbers('IN FLIGHT', 8, ({ server, traffic }) => traffic?.inFlight ?? server.inFlight, formatCount),
  numbers('TUNNELS', 10, ({ server, traffic }) => traffic?.tunnels ?? server.tunnels, formatCount),
  numbers('SESSIONS', 7, ({ server }) => server.sessions?.live, formatCount),
  {
    title: 'LAST 2 MIN',
    rank: 9,
    isLeft: true,
    sortBy: ({ traffic }) => traffic?.recent.reduce((sum, each) => sum + each, 0) ?? -1,
    cell: ({ traffic }) => plain(spark(traffic?.recent ?? [], SPARK).padStart(SPARK)),
  },
  { title: 'ADDRESS', rank: 11, isLeft: true, cell: ({ server }) => plain(server.address, 'quiet') },
]

/** The time of day here, of a time in UTC. */
export function timeOf(at: string): string {
  const time = new Date(at)
  return Number.isNaN(time.getTime()) ? at : time.toTimeString().slice(0, 8)
}

function upCount({ servers }: Upstream): number {
  return servers.filter(({ state }) => state.admin === 'ready' && state.health !== 'down' && state.health !== 'away')
    .length
}

function stateOf({ state: { admin, health }, drain }: Server): string {
  if (admin === 'drain' && drain !== null) return `drain, ${formatCount(drain.sessions)} left`
  if (admin === 'ready') return health === 'unknown' ? 'ready' : health
  return health === 'down' ? `${admin}, down` : admin
}

function toneOf({ state: { admin, health } }: Server): Tone {
  if (health === 'down') return 'bad'
  if (admin !== 'ready' || health === 'away') return 'warn'
  return health === 'up' ? 'good' : 'quiet'
}
