import { HealthBit, type Scoreboard } from '../scoreboard.ts'
import type { SessionCount } from '../session-table.ts'
import type { Server, Upstream } from '../snapshot.ts'
import type { Server as ServerView, Status, Upstream as UpstreamView } from './answers.ts'
import type { Subject } from './subject.ts'

/** Counting looks at the whole table, so that all who ask within this time, in ms, are told the same. */
const COUNTS_KEEP = 1000

/** Makes the admin API's answers out of what the planes share. */
export class View {
  readonly #subject: Subject
  #counts: ReadonlyMap<number, SessionCount> = new Map()
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(subject: Subject) {
    this.#subject = subject
  }

  status(): Status {
    const { version, startedAt, workers, listeners, snapshot } = this.#subject
    return {
      version,
      since: new Date(startedAt).toISOString(),
      workers,
      listeners: listeners.map(({ address, port }) => ({ address, port })),
      generation: snapshot.generation,
      upstreams: snapshot.upstreams.length,
    }
  }

  upstreams(): UpstreamView[] {
    return this.#subject.snapshot.upstreams.map((upstream) => this.#upstream(upstream))
  }

  upstream(name: string): UpstreamView | undefined {
    const upstream = this.#subject.snapshot.upstreams.find((one) => one.name === name)
    return upstream && this.#upstream(upstream)
  }

  #upstream(upstream: Upstream): UpstreamView {
    const { name, balance, affinity, servers, health } = upstream
    const isChecked = health?.check !== undefined
    const counts = affinity && this.#freshCounts()
    const live = servers.reduce((sum, server) => sum + (counts?.get(server.slot)?.live ?? 0), 0)
    return {
      name,
      balance: balance.type,
      affinity: affinity?.type ?? null,
      servers: servers.map((server) => this.#server(server, isChecked, live, counts?.get(server.slot))),
      warnings: this.#subject.warnings(upstream).map(({ code, message }) => ({ code, message })),
    }
  }

  #server(server: Server, isChecked: boolean, live: number, count: SessionCount | undefined): ServerView {
    const { scoreboard } = this.#subject
    const { name, address, weight, backup, slot } = server
    return {
      name,
      address,
      weight,
      backup,
      state: { admin: adminStateOf(server), ...healthOf(server, isChecked, scoreboard) },
      inFlight: scoreboard.inFlight(slot),
      requests: scoreboard.requests(slot),
      failures: scoreboard.failures(slot),
      sessions: count ? sessionsOf(count, live) : null,
    }
  }

  #freshCounts(): ReadonlyMap<number, SessionCount> {
    const now = performance.now()
    if (now - this.#countedAt > COUNTS_KEEP) {
      const slots = this.#subject.snapshot.upstreams.flatMap(({ servers }) => servers.map(({ slot }) => slot))
      this.#counts = this.#subject.sessions.count(slots, Math.floor(Date.now() / 1000))
      this.#countedAt = now
    }
    return this.#counts
  }
}

function sessionsOf({ live, active, oldest }: SessionCount, all: number): NonNullable<ServerView['sessions']> {
  return {
    live,
    active,
    oldest: oldest === 0 ? null : new Date(oldest * 1000).toISOString(),
    share: all === 0 ? null : live / all,
  }
}

function adminStateOf({ down, drain }: Server): ServerView['state']['admin'] {
  if (down) return 'maintenance'
  return drain ? 'drain' : 'ready'
}

/** What checks and traffic have shown of a server. */
function healthOf(
  { slot, failTimeout, down }: Server,
  isChecked: boolean,
  scoreboard: Scoreboard,
): Pick<ServerView['state'], 'health' | 'cause'> {
  const health = scoreboard.health(slot)
  if (health & HealthBit.Unhealthy) return { health: 'down', cause: 'its check says so' }
  if (health & HealthBit.Ejected) return { health: 'down', cause: 'ejected: it answers worse than it may' }
  if (health & HealthBit.Failed) {
    const cause = `${scoreboard.fails(slot)} failure(s) in a row; left alone for ${failTimeout / 1000} s at a time`
    return { health: 'down', cause }
  }
  // What is taken out by hand is not checked.
  const isKnown = scoreboard.requests(slot) > 0 || (isChecked && !down)
  return { health: isKnown ? 'up' : 'unknown', cause: null }
}
