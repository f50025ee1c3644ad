import { readdirSync } from 'node:fs'
import type { Drain } from '../../admin/drain.ts'
import type { Metrics as AdminMetrics, Format } from '../../admin/metrics.ts'
import { wallSeconds } from '../../runtime/clock.ts'
import { HealthBit } from '../../runtime/health-bit.ts'
import { openFileLimit } from '../../runtime/shortage.ts'
import { inSlices } from '../../runtime/slices.ts'
import type { Server, Upstream } from '../../runtime/snapshot.ts'
import { NO_UPSTREAM, WorkerCell } from '../../runtime/tallies/layout.ts'
import type { DrainOrders } from '../drains/drain-orders.ts'
import { surveySessions } from '../drains/session-survey.ts'
import type { Parts } from '../parts.ts'
import { labelOf } from '../slots/route-slots.ts'
import { catalogue } from './catalogue.ts'
import { exposition, labelled } from './exposition.ts'
import type { RouteScene, Scene, ServerScene, UpstreamScene, WorkerScene } from './scene.ts'
import type { Stickiness } from './stickiness.ts'

/** The health bits of a server that is not well. */
const AILING = HealthBit.Unhealthy | HealthBit.Ejected | HealthBit.Suspended
/** The label of all routes that have no place of their own. */
const OTHER_ROUTES = 'other'

/** What a running balancer has counted and knows, as text for Prometheus. */
export class Metrics implements AdminMetrics {
  readonly #parts: Parts
  readonly #drains: DrainOrders
  readonly #stickiness: Stickiness
  /** By format, what is being written: whoever asks meanwhile gets the same. */
  readonly #current = new Map<Format, Promise<readonly Uint8Array[]>>()

  constructor(parts: Parts, drains: DrainOrders, stickiness: Stickiness) {
    this.#parts = parts
    this.#drains = drains
    this.#stickiness = stickiness
  }

  write(format: Format): Promise<readonly Uint8Array[]> {
    const current = this.#current.get(format)
    if (current !== undefined) return current
    const written = this.#write(format).finally(() => this.#current.delete(format))
    this.#current.set(format, written)
    return written
  }

  async #write(format: Format): Promise<readonly Uint8Array[]> {
    return exposition(catalogue, await this.#observe(), format)
  }

  async #observe(): Promise<Scene> {
    const { supervisor, scoreboard, counts, tls } = this.#parts
    const { snapshot } = supervisor
    const sessions = await this.#countSessions(snapshot.upstreams)
    const drains = Map.groupBy(this.#drains.views(), ({ upstream }) => upstream)
    const upstreams: UpstreamScene[] = []
    await inSlices(snapshot.upstreams, (upstream) => {
      upstreams.push(this.#upstream(upstream, sessions, drains.get(upstream.name) ?? []))
    })
    const cells = counts.read('worker', 0, [])
    return {
      upstreams: [...upstreams, this.#noUpstream()],
      routes: await this.#routes(),
      cells,
      connections: scoreboard.clients.connections(),
      workers: supervisor.workerSlots.map((slot) => this.#worker(slot)),
      generation: snapshot.generation,
      certificates: new Map(
        tls.material.origins
          .filter(({ shownTo }) => shownTo === 'clients')
          .map(({ certificate: { name }, source, facts }) => [labelled({ name, source }), facts.notAfter / 1000]),
      ),
      process: {
        residentMemory: process.memoryUsage.rss(),
        startedAt: performance.timeOrigin / 1000,
        openFiles: openFiles(),
        mostFiles: finite(openFileLimit()),
      },
    }
  }

  #upstream(
    upstream: Upstream,
    sessions: ReadonlyMap<number, SessionNumbers>,
    drains: readonly Drain[],
  ): UpstreamScene {
    const { scoreboard, counts } = this.#parts
    const { name, slot } = upstream
    return {
      labels: labelled({ upstream: name }),
      upstream,
      cells: counts.read('upstreams', slot, [name]),
      servers: upstream.servers.map((server) => this.#server(upstream, server, sessions.get(server.slot))),
      waiting: scoreboard.queues.waiting(slot),
      score: this.#stickiness.scoreOf(upstream),
      drains: drains.map(({ server, sessions, state }) => {
        return { labels: labelled({ upstream: name, server }), sessions, isOver: state !== 'draining' }
      }),
    }
  }

  #server(upstream: Upstream, server: Server, sessions: SessionNumbers | undefined): ServerScene {
    const { servers } = this.#parts.scoreboard
    const { id, name, slot } = server
    return {
      labels: labelled({ upstream: upstream.name, server: name }),
      server,
      cells: this.#parts.counts.read('servers', slot, [upstream.name, id]),
      isWell: (servers.health(slot) & AILING) === 0,
      inFlight: servers.inFlight(slot),
      tunnels: servers.tunnels(slot),
      sessions,
    }
  }

  /** What belongs to no upstream. */
  #noUpstream(): UpstreamScene {
    const cells = this.#parts.counts.read('upstreams', NO_UPSTREAM, [])
    const labels = labelled({ upstream: '' })
    return { labels, upstream: undefined, cells, servers: [], waiting: 0, score: undefined, drains: [] }
  }

  async #routes(): Promise<RouteScene[]> {
    const { supervisor, counts } = this.#parts
    const { routes, upstreams } = supervisor.snapshot
    const bySlot = new Map<number, RouteScene>()
    await inSlices(routes, (route) => {
      const { slot = 0 } = route
      if (bySlot.has(slot)) return
      const label = slot === 0 ? OTHER_ROUTES : labelOf(route)
      const upstream = slot === 0 || route.redirect !== undefined ? '' : upstreams[route.upstream]!.name
      const cells = counts.read('routes', slot, slot === 0 ? [] : [label])
      bySlot.set(slot, { labels: labelled({ route: label, upstream }), cells })
    })
    return [...bySlot.values()]
  }

  #worker(slot: number): WorkerScene {
    const { tallies } = this.#parts
    const delays = [WorkerCell.DelayMedian, WorkerCell.DelayHigh, WorkerCell.DelayMost]
    return { labels: labelled({ worker: String(slot) }), delays: delays.map((cell) => tallies.ofWorker(slot, cell)) }
  }

  /** By server slot, of the upstreams that know sessions. */
  async #countSessions(upstreams: readonly Upstream[]): Promise<ReadonlyMap<number, SessionNumbers>> {
    const servers = upstreams.flatMap((upstream) => (upstream.affinity === undefined ? [] : upstream.servers))
    const numbers = new Map(servers.map(({ slot }) => [slot, new SessionNumbers()]))
    if (numbers.size > 0) await surveySessions(this.#parts.sessions.table, numbers, wallSeconds())
    return numbers
  }
}

/** Of one server. */
class SessionNumbers {
  live = 0
  active = 0

  add(_seenAt: number, isActive: boolean): void {
    this.live++
    if (isActive) this.active++
  }
}

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}
