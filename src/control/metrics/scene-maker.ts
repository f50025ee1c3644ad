import { readdirSync } from 'node:fs'
import type { Drain } from '../../admin/drain.ts'
import type { SourceSummary } from '../../admin/sources.ts'
import { wallSeconds } from '../../runtime/clock.ts'
import { AILMENTS } from '../../runtime/health-bit.ts'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import { openFileLimit } from '../../runtime/shortage.ts'
import { inSlices } from '../../runtime/slices.ts'
import type { Route, Server, Snapshot, Upstream } from '../../runtime/snapshot.ts'
import { NO_UPSTREAM, WorkerCell } from '../../runtime/tallies/layout.ts'
import type { Tallies } from '../../runtime/tallies.ts'
import { surveySessions } from '../drains/session-survey.ts'
import { labelOf } from '../slots/route-slots.ts'
import type { CertificateOrigin } from '../tls/tls-material.ts'
import { type Counts, sizes } from './counts.ts'
import { labelled } from './exposition.ts'
import type { RouteScene, Scene, ServerScene, UpstreamScene, WorkerScene } from './scene.ts'

/** The label of all routes that have no place of their own. */
const OTHER_ROUTES = 'other'
const NO_UPSTREAM_LABEL = labelled({ upstream: '' })

/** What is shown. */
export interface Shown {
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  readonly tallies: Tallies
  readonly counts: Counts
  /** The current Snapshot. */
  snapshot(): Snapshot
  workerSlots(): readonly number[]
  certificates(): readonly CertificateOrigin[]
  drains(): readonly Drain[]
  sources(): readonly SourceSummary[]
  /** The share of requests of known sessions that reached their server lately; null if there were none. */
  stickinessOf(upstream: Upstream): number | null
}

/** Reads everything that one scrape shows. */
export class SceneMaker {
  readonly #shown: Shown
  /** What stays the same from one scene to the next, by the part of the Snapshot that it is of. */
  readonly #subjects = new WeakMap<object, Subject>()
  readonly #program = subject('worker', 0, [], {})
  readonly #otherRoutes = subject('routes', 0, [], { route: OTHER_ROUTES })
  readonly #nowhere = subject('upstreams', NO_UPSTREAM, [], { upstream: '' })

  constructor(shown: Shown) {
    this.#shown = shown
  }

  async make(): Promise<Scene> {
    const { scoreboard } = this.#shown
    const snapshot = this.#shown.snapshot()
    const sessions = await this.#countSessions(snapshot.upstreams)
    const drains = Map.groupBy(this.#shown.drains(), ({ upstream }) => upstream)
    const upstreams: UpstreamScene[] = []
    await inSlices(snapshot.upstreams, (upstream) => {
      upstreams.push(this.#upstream(upstream, sessions, drains.get(upstream.name) ?? []))
    })
    return {
      upstreams: [...upstreams, this.#noUpstream()],
      routes: await this.#routes(),
      cells: this.#cellsOf(this.#program),
      connections: scoreboard.clients.connections(),
      workers: this.#shown.workerSlots().map((slot) => this.#worker(slot)),
      generation: snapshot.generation,
      certificates: new Map(
        this.#shown
          .certificates()
          .filter(({ shownTo }) => shownTo === 'clients')
          .map(({ certificate: { name }, source, facts }) => [labelled({ name, source }), facts.notAfter / 1000]),
      ),
      sources: this.#shown.sources().map((summary) => {
        const { upstream, name } = summary
        return { labels: labelled({ upstream: upstream ?? '', source: name }), summary }
      }),
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
    const { scoreboard } = this.#shown
    const { name, slot } = upstream
    const own = this.#subject(upstream, () => subject('upstreams', slot, [name], { upstream: name }))
    return {
      labels: own.labels,
      upstream,
      cells: this.#cellsOf(own),
      servers: upstream.servers.map((server) => this.#server(upstream, server, sessions.get(server.slot))),
      waiting: scoreboard.queues.waiting(slot),
      stickiness: this.#shown.stickinessOf(upstream),
      drains: drains.map(({ server, sessions, state }) => {
        return { labels: labelled({ upstream: name, server }), sessions, isOver: state !== 'draining' }
      }),
    }
  }

  #server(upstream: Upstream, server: Server, sessions: SessionNumbers | undefined): ServerScene {
    const { servers } = this.#shown.scoreboard
    const { id, name, slot } = server
    const labels = { upstream: upstream.name, server: name }
    const own = this.#subject(server, () => subject('servers', slot, [upstream.name, id], labels))
    return {
      labels: own.labels,
      server,
      cells: this.#cellsOf(own),
      isWell: (servers.health(slot) & AILMENTS) === 0,
      inFlight: servers.inFlight(slot),
      tunnels: servers.tunnels(slot),
      sessions,
    }
  }

  /** What belongs to no upstream. */
  #noUpstream(): UpstreamScene {
    const { labels } = this.#nowhere
    const cells = this.#cellsOf(this.#nowhere)
    return { labels, upstream: undefined, cells, servers: [], waiting: 0, stickiness: null, drains: [] }
  }

  async #routes(): Promise<RouteScene[]> {
    const { routes, upstreams } = this.#shown.snapshot()
    const scenes: RouteScene[] = []
    const seen = new Set<number>()
    const upstreamLabels = upstreams.map(({ name }) => labelled({ upstream: name }))
    await inSlices(routes, (route) => {
      const { slot = 0 } = route
      if (seen.has(slot)) return
      seen.add(slot)
      const own = slot === 0 ? this.#otherRoutes : this.#subject(route, () => routeSubject(route, slot))
      // Routes stay the same when the upstream that they are for has another name.
      const passes = slot !== 0 && route.redirect === undefined
      const upstream = (passes && upstreamLabels[route.upstream]) || NO_UPSTREAM_LABEL
      scenes.push({ labels: `${own.labels},${upstream}`, cells: this.#cellsOf(own) })
    })
    return scenes
  }

  #subject(part: object, make: () => Subject): Subject {
    let known = this.#subjects.get(part)
    if (known === undefined) {
      known = make()
      this.#subjects.set(part, known)
    }
    return known
  }

  /** What was counted of it by now. */
  #cellsOf({ region, slot, name, cells }: Subject): Float64Array {
    this.#shown.counts.read(region, slot, name, cells)
    return cells
  }

  #worker(slot: number): WorkerScene {
    const { tallies } = this.#shown
    const delays = [WorkerCell.DelayMedian, WorkerCell.DelayHigh, WorkerCell.DelayMost]
    return { labels: labelled({ worker: String(slot) }), delays: delays.map((cell) => tallies.ofWorker(slot, cell)) }
  }

  /** By server slot, of the upstreams that know sessions. */
  async #countSessions(upstreams: readonly Upstream[]): Promise<ReadonlyMap<number, SessionNumbers>> {
    const servers = upstreams.flatMap((upstream) => (upstream.affinity === undefined ? [] : upstream.servers))
    const numbers = new Map(servers.map(({ slot }) => [slot, new SessionNumbers()]))
    if (numbers.size > 0) await surveySessions(this.#shown.sessions, numbers, wallSeconds())
    return numbers
  }
}

/** Something that is counted, and its labels as samples have them. */
interface Subject {
  readonly region: keyof typeof sizes
  readonly slot: number
  readonly name: readonly string[]
  readonly labels: string
  readonly cells: Float64Array
}

function subject(
  region: Subject['region'],
  slot: number,
  name: readonly string[],
  labels: Readonly<Record<string, string>>,
): Subject {
  return { region, slot, name, labels: labelled(labels), cells: new Float64Array(sizes[region]) }
}

function routeSubject(route: Route, slot: number): Subject {
  const label = labelOf(route)
  return subject('routes', slot, [label], { route: label })
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
