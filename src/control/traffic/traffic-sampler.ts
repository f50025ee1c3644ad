import type { RecentReasons, Sample, Traffic, TrafficFeed, TrafficHistory, TrafficQuery } from '../../admin/traffic.ts'
import { MAX_SERVERS, MAX_UPSTREAMS } from '../../runtime/bounds.ts'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import type { Snapshot, Upstream } from '../../runtime/snapshot.ts'
import { NO_UPSTREAM, OUTCOMES, SERVER_CELLS, UPSTREAM_CELLS } from '../../runtime/tallies/layout.ts'
import type { Tallies } from '../../runtime/tallies.ts'
import type { ServerHolding, SlotBook, UpstreamHolding } from '../slots/slot-book.ts'
import type { SlotUser } from '../slots/slot-reclaimer.ts'
import { DECISION_STEP } from './decision-history.ts'
import { ReturnedCounts } from './returned-counts.ts'
import { RouteLoads } from './route-loads.ts'
import { ServerTrack, STEP } from './server-track.ts'
import { SessionCensus } from './session-census.ts'
import { TallyChanges } from './tally-changes.ts'
import { Totals } from './totals.ts'
import { trafficOf } from './traffic-answer.ts'
import { UpstreamTrack } from './upstream-track.ts'

/** Between two samples, in ms. */
const INTERVAL = 1000
/** How many samples are kept: ten minutes. */
const SAMPLES = 600

/** What is sampled. */
export interface Sampled {
  readonly tallies: Tallies
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  readonly slots: SlotBook
  /** The current Snapshot. */
  readonly snapshot: () => Snapshot
}

/**
 * Reads what the workers count, once a second, and keeps the differences as the traffic of the last minutes. A sample that is
 * late stands for all the seconds since the one before, so that the sums stay right.
 */
export class TrafficSampler implements TrafficFeed, SlotUser {
  readonly #sampled: Sampled
  readonly #census: SessionCensus
  readonly #upstreamChanges: TallyChanges
  readonly #serverChanges: TallyChanges
  readonly #routes: RouteLoads
  /** Requests that no upstream was found for. */
  readonly #unrouted = new UpstreamTrack()
  /** By slot. */
  readonly #upstreams: UpstreamTrack[] = []
  readonly #servers: ServerTrack[] = []
  readonly #returned = new ReturnedCounts()
  /** Oldest first; up to twice as many as are to be kept. */
  readonly #samples: Sample[] = []
  readonly #watchers = new Set<(now: Sample) => void>()
  #timer: NodeJS.Timeout | undefined
  /** When the last sample was due. */
  #sampledAt = 0
  /** The steps of servers that have ended, and the intervals of the current one. */
  #step = 0
  #intervals = 0

  constructor(sampled: Sampled) {
    this.#sampled = sampled
    this.#census = new SessionCensus(sampled.sessions)
    this.#upstreamChanges = new TallyChanges(sampled.tallies, 'upstreams', MAX_UPSTREAMS + 1, UPSTREAM_CELLS)
    this.#serverChanges = new TallyChanges(sampled.tallies, 'servers', MAX_SERVERS, SERVER_CELLS)
    this.#routes = new RouteLoads(sampled.tallies)
  }

  start(): void {
    this.#sampledAt = performance.now()
    this.#keep(this.#sample(1), 1)
    this.#goOn()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#watchers.clear()
  }

  history(query: TrafficQuery): TrafficHistory {
    return { ...this.traffic(query), interval: INTERVAL, samples: this.#samples.slice(-SAMPLES) }
  }

  traffic(query: TrafficQuery): Traffic {
    const { snapshot, scoreboard, tallies } = this.#sampled
    return trafficOf(query, {
      now: this.#samples.at(-1)!,
      step: STEP * INTERVAL,
      snapshot: snapshot(),
      scoreboard,
      routes: this.#routes,
      nextStep: this.#step,
      upstream: (upstream) => this.#trackOf(upstream),
      server: ({ slot, id }, { name }) => {
        const track = this.#servers[slot]
        return track?.holding.id === id && track.holding.upstream.name === name ? track : undefined
      },
      usedAt: (slot) => tallies.usedAt(slot),
    })
  }

  reasons({ upstreams: wanted }: TrafficQuery): RecentReasons {
    const { upstreams } = this.#sampled.snapshot()
    return {
      step: DECISION_STEP * 1000,
      upstreams: upstreams
        .filter(({ name }) => wanted === 'all' || wanted.includes(name))
        .map((upstream) => ({ name: upstream.name, reasons: this.#trackOf(upstream)?.decisions.reasons ?? [] })),
    }
  }

  /** The share of requests of known sessions that reached their server in the last five minutes; null where there were none. */
  stickinessOf(upstream: Upstream): number | null {
    return this.#trackOf(upstream)?.decisions.stickiness ?? null
  }

  watch(notify: (now: Sample) => void): () => void {
    this.#watchers.add(notify)
    return () => this.#watchers.delete(notify)
  }

  keepServer({ slot, upstream }: ServerHolding): void {
    this.#returned.add(upstream, this.#serverChanges.readLast(slot).subarray(0, OUTCOMES))
  }

  keepUpstream(upstream: UpstreamHolding): void {
    this.#returned.add(upstream, this.#upstreamChanges.readLast(upstream.slot))
  }

  #goOn(): void {
    const passed = performance.now() - this.#sampledAt
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, INTERVAL - passed)).unref()
  }

  #tick(): void {
    const seconds = Math.max(1, Math.floor((performance.now() - this.#sampledAt) / INTERVAL))
    this.#sampledAt += seconds * INTERVAL
    const sample = this.#sample(seconds)
    this.#keep(sample, seconds)
    for (const notify of this.#watchers) notify(sample)
    this.#goOn()
  }

  /** When the last sample was due, in ms since 1970: it may have been taken later. */
  get #dueAt(): number {
    return Date.now() - (performance.now() - this.#sampledAt)
  }

  #keep(sample: Sample, seconds: number): void {
    const at = this.#dueAt
    for (let before = Math.min(seconds, SAMPLES) - 1; before >= 0; before--) {
      this.#samples.push(before === 0 ? sample : { ...sample, at: new Date(at - before * INTERVAL).toISOString() })
    }
    // Removing one at a time would move all the others each time.
    if (this.#samples.length >= 2 * SAMPLES) this.#samples.splice(0, this.#samples.length - SAMPLES)
  }

  #sample(seconds: number): Sample {
    const { slots, scoreboard, snapshot } = this.#sampled
    const totals = new Totals(scoreboard)
    this.#unrouted.take(this.#upstreamChanges.read(NO_UPSTREAM), seconds)
    totals.addUpstream(this.#unrouted)
    this.#intervals += seconds
    const stepSeconds = this.#intervals >= STEP ? this.#intervals : 0
    for (const holding of slots.upstreams) {
      const upstream = this.#upstreamOf(holding)
      upstream.take(this.#upstreamChanges.read(holding.slot), seconds)
      for (const server of holding.servers.values()) {
        const track = this.#serverOf(server)
        track.take(this.#serverChanges.read(server.slot), seconds)
        if (stepSeconds > 0) track.endStep(this.#step, stepSeconds)
        upstream.load.add(track.load)
        totals.addServer(server.slot)
      }
      totals.addUpstream(upstream)
      totals.addQueue(holding.slot)
    }
    this.#addReturned(totals, seconds)
    if (stepSeconds > 0) {
      this.#step++
      this.#intervals = 0
    }
    const { routes, upstreams } = snapshot()
    this.#routes.take(routes, seconds)
    this.#census.refresh(upstreams)
    return totals.sample(this.#dueAt, this.#census.live)
  }

  /** What was counted in slots that have been returned since. */
  #addReturned(totals: Totals, seconds: number): void {
    for (const [holding, changes] of this.#returned.take()) {
      const returned = new UpstreamTrack(holding)
      returned.take(changes, seconds)
      totals.addUpstream(returned)
      const upstream = this.#upstreams[holding.slot]
      if (upstream?.holding === holding) upstream.load.add(returned.load)
    }
  }

  /** Undefined if it is newer than the last sample. */
  #trackOf({ slot, name }: Upstream): UpstreamTrack | undefined {
    const track = this.#upstreams[slot]
    return track?.holding?.name === name ? track : undefined
  }

  /** A slot that another name has by now begins again. */
  #upstreamOf(holding: UpstreamHolding): UpstreamTrack {
    const known = this.#upstreams[holding.slot]
    if (known?.holding === holding) return known
    const track = new UpstreamTrack(holding)
    this.#upstreams[holding.slot] = track
    return track
  }

  #serverOf(holding: ServerHolding): ServerTrack {
    const known = this.#servers[holding.slot]
    if (known?.holding === holding) return known
    const track = new ServerTrack(holding)
    this.#servers[holding.slot] = track
    return track
  }
}
