import type { Server } from '../../runtime/snapshot.ts'
import { ServerCell } from '../../runtime/tallies/layout.ts'
import { labelled, type Metric, type MetricType, sample } from './exposition.ts'
import type { Scene, ServerScene } from './scene.ts'

const adminStates = ['ready', 'drain', 'maintenance'] as const
const stateLabels = adminStates.map((state) => labelled({ state }))
const liveLabel = labelled({ state: 'live' })
const activeLabel = labelled({ state: 'active' })

/** The state of servers, and of what waits for them. */
export const serverMetrics: readonly Metric<Scene>[] = [
  ofServers('limpet_server_up', 'gauge', 'Whether checks and traffic say that the server is well.', ({ isWell }) =>
    isWell ? 1 : 0,
  ),
  {
    name: 'limpet_server_state',
    type: 'gauge',
    help: 'What the operator wants of the server: 1 for the present state.',
    labels: ['upstream', 'server', 'state'],
    *samples({ upstreams }, name) {
      for (const { servers } of upstreams)
        for (const { labels, server } of servers) {
          const present = adminStates.indexOf(adminStateOf(server))
          for (const [index, state] of stateLabels.entries())
            yield sample(name, `${labels},${state}`, index === present ? 1 : 0)
        }
    },
  },
  ofServers('limpet_server_weight', 'gauge', 'The configured weight.', ({ server }) => server.weight),
  ofServers(
    'limpet_server_in_flight',
    'gauge',
    'Requests in flight on the server, tunnels included.',
    ({ inFlight }) => inFlight,
  ),
  ofServers(
    'limpet_server_tunnels',
    'gauge',
    'WebSockets and other switched protocols that are open.',
    ({ tunnels }) => tunnels,
  ),
  ofServers(
    'limpet_server_ejections_total',
    'counter',
    'How often the server was ejected for its answers, or suspended for failures.',
    ({ cells }) => cells[ServerCell.Ejections]!,
  ),
  {
    name: 'limpet_queue_length',
    type: 'gauge',
    help: 'Requests that wait for a server.',
    labels: ['upstream'],
    *samples({ upstreams }, name) {
      for (const { labels, upstream, waiting } of upstreams)
        if (upstream !== undefined) yield sample(name, labels, waiting)
    },
  },
  {
    name: 'limpet_sessions',
    type: 'gauge',
    help: 'Sessions on the server: live ones, and those of them with a request in flight.',
    labels: ['upstream', 'server', 'state'],
    *samples({ upstreams }, name) {
      for (const { servers } of upstreams)
        for (const { labels, sessions } of servers) {
          if (sessions === undefined) continue
          yield sample(name, `${labels},${liveLabel}`, sessions.live)
          yield sample(name, `${labels},${activeLabel}`, sessions.active)
        }
    },
  },
  {
    name: 'limpet_drains',
    type: 'gauge',
    help: 'Drains in progress.',
    labels: ['upstream'],
    *samples({ upstreams }, name) {
      for (const { labels, upstream, drains } of upstreams)
        if (upstream !== undefined) yield sample(name, labels, drains.filter(({ isOver }) => !isOver).length)
    },
  },
  {
    name: 'limpet_drain_sessions',
    type: 'gauge',
    help: 'Sessions that are left on a server that drains.',
    labels: ['upstream', 'server'],
    *samples({ upstreams }, name) {
      for (const { drains } of upstreams)
        for (const { labels, sessions } of drains) yield sample(name, labels, sessions)
    },
  },
]

function ofServers(
  name: string,
  type: MetricType,
  help: string,
  value: (server: ServerScene) => number,
): Metric<Scene> {
  return {
    name,
    type,
    help,
    labels: ['upstream', 'server'],
    *samples({ upstreams }, written) {
      for (const { servers } of upstreams)
        for (const server of servers) yield sample(written, server.labels, value(server))
    },
  }
}

function adminStateOf({ down, drain }: Server): (typeof adminStates)[number] {
  if (down) return 'maintenance'
  return drain ? 'drain' : 'ready'
}
