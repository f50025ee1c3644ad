import { wallSeconds } from '../runtime/clock.ts'
import { HealthBit } from '../runtime/health-bit.ts'
import type { SessionCount } from '../runtime/session-table.ts'
import type { Affinity, Server, Upstream } from '../runtime/snapshot.ts'
import type { Server as ServerView, Status, Upstream as UpstreamView } from './answers.ts'
import type { Subject } from './subject.ts'

/** How long a count of the sessions is reused, in ms, since counting scans the whole table. */
const COUNTS_KEEP = 1000

/** Makes the admin API's responses from the memory that the planes share. */
export class View {
  readonly #subject: Subject
  /** By server slot, as of the Snapshot of that generation. */
  #counts: ReadonlyMap<number, SessionCount> = new Map()
  #countedFor = Number.NaN
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(subject: Subject) {
    this.#subject = subject
  }

  status(): Status {
    const { version, startedAt, workers, snapshot, droppedLogLines } = this.#subject
    return {
      version,
      since: new Date(startedAt).toISOString(),
      workers,
      listeners: snapshot.listeners.map((listener) =>
        'path' in listener
          ? { address: `unix:${listener.path}`, port: null }
          : { address: listener.address, port: listener.port },
      ),
      generation: snapshot.generation,
      upstreams: snapshot.upstreams.length,
      droppedLogLines,
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
    const { name, balance, affinity, servers } = upstream
    const counts = affinity && this.#freshCounts()
    const live = servers.reduce((sum, server) => sum + (counts?.get(server.slot)?.live ?? 0), 0)
    return {
      name,
      balance: balance.type,
      affinity: affinity === undefined ? null : nameOf(affinity),
      servers: servers.map((server) => this.#server(server, upstream, live, counts?.get(server.slot))),
      warnings: this.#subject.warnings(upstream).map(({ code, message }) => ({ code, message })),
    }
  }

  #server(server: Server, upstream: Upstream, live: number, count: SessionCount | undefined): ServerView {
    const { scoreboard } = this.#subject
    const { name, address, weight, backup, slot } = server
    return {
      name,
      address,
      weight,
      backup,
      state: { admin: adminStateOf(server), ...this.#healthOf(server, upstream) },
      inFlight: scoreboard.servers.inFlight(slot),
      requests: scoreboard.servers.requests(slot),
      failures: scoreboard.servers.failures(slot),
      sessions: count ? sessionsOf(count, live) : null,
    }
  }

  /** A server's health according to checks and traffic. */
  #healthOf(
    { name, slot, failTimeout, down }: Server,
    upstream: Upstream,
  ): Pick<ServerView['state'], 'health' | 'cause'> {
    // A disabled server is not checked, and its last known health may be out of date.
    if (down) return { health: 'unknown', cause: null }
    const { scoreboard } = this.#subject
    const health = scoreboard.servers.health(slot)
    const causeOf = (bit: HealthBit) => this.#subject.causeOf(upstream.name, name, bit)
    if (health & HealthBit.Unhealthy) {
      return { health: 'down', cause: causeOf(HealthBit.Unhealthy) ?? 'it has not passed a check yet' }
    }
    if (health & HealthBit.Ejected) {
      const cause = causeOf(HealthBit.Ejected)
      return { health: 'down', cause: cause === undefined ? 'ejected' : `ejected: ${cause}` }
    }
    if (health & HealthBit.Suspended) {
      const cause = `${scoreboard.servers.fails(slot)} failure(s) in a row; suspended for ${failTimeout / 1000} s at a time`
      return { health: 'down', cause }
    }
    const isKnown = scoreboard.servers.requests(slot) > 0 || upstream.health?.check !== undefined
    return { health: isKnown ? 'up' : 'unknown', cause: null }
  }

  #freshCounts(): ReadonlyMap<number, SessionCount> {
    const { sessions, snapshot } = this.#subject
    const now = performance.now()
    if (now - this.#countedAt > COUNTS_KEEP || snapshot.generation !== this.#countedFor) {
      const slots = snapshot.upstreams.flatMap(({ servers }) => servers.map(({ slot }) => slot))
      this.#counts = sessions.count(slots, wallSeconds())
      this.#countedFor = snapshot.generation
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

/** The affinity's name in the configuration file. */
function nameOf(affinity: Affinity): string {
  return (affinity.type === 'consistent-hash' && affinity.writtenAs) || affinity.type
}
