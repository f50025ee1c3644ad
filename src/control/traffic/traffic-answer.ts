import type { Sample, Traffic, TrafficQuery } from '../../admin/traffic.ts'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import type { Server, Snapshot, Upstream } from '../../runtime/snapshot.ts'
import { HISTOGRAM } from '../../runtime/tallies/layout.ts'
import { labelOf } from '../slots/route-slots.ts'
import { Load } from './load.ts'
import { quantilesOf } from './quantiles.ts'
import type { RouteLoads } from './route-loads.ts'
import type { ServerTrack } from './server-track.ts'
import { stickinessOf } from './stickiness.ts'
import type { UpstreamTrack } from './upstream-track.ts'

/** The maximum of servers in an answer: of all upstreams, and of those that were asked for by name. */
const MOST_OF_ALL = 500
const MOST_OF_NAMED = 2000
/** How many of them are shown with their last steps. */
const MOST_WITH_STEPS = 500
/** The maximum of routes in an answer. */
const MOST_ROUTES = 50

/** What was measured in the last interval. */
export interface Measured {
  readonly now: Sample
  /** In ms. */
  readonly step: number
  readonly snapshot: Snapshot
  readonly scoreboard: Scoreboard
  readonly routes: RouteLoads
  readonly nextStep: number
  /** Undefined if it is newer than the last sample. */
  upstream(upstream: Upstream): UpstreamTrack | undefined
  server(server: Server, upstream: Upstream): ServerTrack | undefined
  /** In s since 1970; 0 for never. */
  usedAt(slot: number): number
}

/** The traffic as the admin API shows it. */
export function trafficOf({ upstreams: wanted }: TrafficQuery, measured: Measured): Traffic {
  const { now, step, snapshot, routes } = measured
  const most = wanted === 'all' ? MOST_OF_ALL : MOST_OF_NAMED
  let shown = 0
  const upstreams = snapshot.upstreams.map((upstream) => {
    const isWanted = wanted === 'all' || wanted.includes(upstream.name)
    const servers = isWanted ? upstream.servers.slice(0, most - shown) : []
    const first = shown
    shown += servers.length
    return {
      ...upstreamTraffic(upstream, measured),
      servers: servers.map((server, index) =>
        serverTraffic(server, upstream, measured, first + index < MOST_WITH_STEPS),
      ),
    }
  })
  return {
    now,
    step,
    upstreams,
    routes: routes.busiest(MOST_ROUTES).map(({ route, requests, errors }) => ({
      route: route.slot === undefined ? 'other' : labelOf(route),
      upstream: snapshot.upstreams[route.upstream]?.name ?? '',
      requests,
      errors,
    })),
  }
}

const IDLE = new Load()
const NO_TIMES = quantilesOf(new Float64Array(HISTOGRAM))

function upstreamTraffic(upstream: Upstream, measured: Measured) {
  const { name, slot, servers } = upstream
  const { scoreboard } = measured
  const track = measured.upstream(upstream)
  const { requests, errors } = track?.load ?? IDLE
  let inFlight = 0
  let tunnels = 0
  for (const server of servers) {
    inFlight += scoreboard.servers.inFlight(server.slot)
    tunnels += scoreboard.servers.tunnels(server.slot)
  }
  return {
    name,
    requests,
    errors,
    inFlight,
    tunnels,
    ...(track?.quantiles ?? NO_TIMES),
    queued: scoreboard.queues.waiting(slot),
    retries: track?.retries ?? 0,
    stickiness: track === undefined ? null : stickinessOf(track),
  }
}

function serverTraffic(server: Server, upstream: Upstream, measured: Measured, withSteps: boolean) {
  const { name, slot } = server
  const { scoreboard, nextStep } = measured
  const track = measured.server(server, upstream)
  const { requests, errors } = track?.load ?? IDLE
  const usedAt = measured.usedAt(slot)
  return {
    name,
    requests,
    errors,
    inFlight: scoreboard.servers.inFlight(slot),
    tunnels: scoreboard.servers.tunnels(slot),
    latency: track?.latency ?? null,
    lastUsed: usedAt === 0 ? null : new Date(usedAt * 1000).toISOString(),
    recent: withSteps && track !== undefined ? track.recentRequests(nextStep) : [],
    recentLatency: withSteps && track !== undefined ? track.recentLatencies(nextStep) : [],
  }
}
