import { affinityName } from '../runtime/affinity-name.ts'
import { wallSeconds } from '../runtime/clock.ts'
import { counted } from '../runtime/counted.ts'
import { HealthBit } from '../runtime/health-bit.ts'
import type { SessionCount } from '../runtime/session-table.ts'
import type { Server, Upstream } from '../runtime/snapshot.ts'
import type {
  Server as ServerView,
  ServerWithSettings,
  SessionNumbers,
  Source,
  Status,
  Upstream as UpstreamView,
} from './answers.ts'
import type { Drain } from './drain.ts'
import { emptiest } from './emptiest.ts'
import { noServer, noUpstream } from './operation-refused.ts'
import type { Operations } from './operations.ts'
import { SessionAges } from './session-ages.ts'
import type { CertificateSummary, Subject } from './subject.ts'

type WhatOperatorsDid = Pick<Operations, 'revision' | 'drift' | 'server' | 'drains' | 'pauseOf'>

const DAY = 86_400_000

/** The health of a server that is expected back. */
const away = { health: 'away', cause: null } as const

/** How long a count of the sessions is reused, in ms, since counting scans the whole table. */
const COUNTS_KEEP = 1000

/** Makes the admin API's responses from the memory that the planes share, and from what operators have changed. */
export class View {
  readonly #subject: Subject
  readonly #operations: WhatOperatorsDid
  /** By server slot, as of the Snapshot of that generation. */
  #counts: ReadonlyMap<number, SessionCount> = new Map()
  /** By upstream, as of the same moment. */
  #ages: ReadonlyMap<string, SessionAges> = new Map()
  #countedFor = Number.NaN
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(subject: Subject, operations: WhatOperatorsDid) {
    this.#subject = subject
    this.#operations = operations
  }

  status(): Status {
    const { version, pid, instance, startedAt, workers, snapshot, certificates, droppedLogLines } = this.#subject
    return {
      version,
      since: new Date(startedAt).toISOString(),
      workers,
      listeners: snapshot.listeners.map((listener) => ({
        ...('path' in listener
          ? { address: `unix:${listener.path}`, port: null }
          : { address: listener.address, port: listener.port }),
        ...(listener.tls !== undefined && { tls: true as const }),
      })),
      generation: snapshot.generation,
      upstreams: snapshot.upstreams.length,
      certificates: certificates.map(certificateView),
      droppedLogLines,
      pid,
      instance,
      revision: this.#operations.revision,
      changes: [...this.#operations.drift()],
      sources: this.sources(),
      emptiest: Object.fromEntries(
        snapshot.upstreams.flatMap((upstream) => {
          const server = this.#emptiestOf(upstream)
          return server === undefined ? [] : [[upstream.name, server]]
        }),
      ),
    }
  }

  sources(): Source[] {
    return this.#subject.sources.map(({ lastSuccess: _, since, error, mistakes, ...source }) => ({
      ...source,
      since: new Date(since).toISOString(),
      error: error ?? null,
      mistakes: mistakes.map(({ where, message, hint }) => ({ where, message, hint: hint ?? null })),
    }))
  }

  upstreams(): UpstreamView[] {
    return this.#subject.snapshot.upstreams.map((upstream) => this.#upstream(upstream))
  }

  upstream(name: string): UpstreamView | undefined {
    const upstream = this.#subject.snapshot.upstreams.find((one) => one.name === name)
    return upstream && this.#upstream(upstream)
  }

  /** @throws OperationRefused if there is none of that name */
  existingUpstream(name: string): UpstreamView {
    this.assertUpstream(name)
    return this.upstream(name)!
  }

  /** @throws OperationRefused if there is none of that name */
  assertUpstream(name: string): void {
    const { upstreams } = this.#subject.snapshot
    if (!upstreams.some((upstream) => upstream.name === name)) throw noUpstream(name, upstreams)
  }

  /** @throws OperationRefused if there is none of that name */
  server(upstreamName: string, name: string): ServerWithSettings {
    const { servers } = this.existingUpstream(upstreamName)
    const server = servers.find((one) => one.name === name)
    const settings = this.#operations.server(upstreamName, name)?.settings
    if (server !== undefined && settings !== undefined) return { ...server, settings }
    throw noServer(upstreamName, name, servers)
  }

  /** Of the upstreams that know sessions. */
  sessions(): SessionNumbers {
    const counts = this.#freshCounts()
    const upstreams = this.#subject.snapshot.upstreams.filter(({ affinity }) => affinity !== undefined)
    return {
      upstreams: upstreams.map(({ name, servers }) => {
        const numbers = servers.map((server) => {
          const { live = 0, active = 0 } = counts.get(server.slot) ?? {}
          return { name: server.name, live, active }
        })
        const sumOf = (key: 'live' | 'active') => numbers.reduce((sum, one) => sum + one[key], 0)
        const ages = this.#ages.get(name)?.all ?? []
        return { name, live: sumOf('live'), active: sumOf('active'), servers: numbers, ages }
      }),
    }
  }

  /**
   * The ready server that can be removed with the fewest sessions moved, or, without sessions, the fewest requests in
   * flight; undefined if another would not be left.
   */
  #emptiestOf({ affinity, servers }: Upstream): string | undefined {
    const ready = servers.filter(({ backup, down, drain, away }) => !backup && !down && !drain && !away)
    const inFlight = ({ slot }: Server) =>
      [slot, { live: 0, active: this.#subject.scoreboard.servers.inFlight(slot) }] as const
    return emptiest(ready, affinity === undefined ? new Map(ready.map(inFlight)) : this.#freshCounts())?.name
  }

  #upstream(upstream: Upstream): UpstreamView {
    const { name, balance, affinity, servers } = upstream
    const counts = affinity && this.#freshCounts()
    const drains = this.#operations.drains().filter((drain) => drain.upstream === name)
    const live = servers.reduce((sum, server) => sum + (counts?.get(server.slot)?.live ?? 0), 0)
    return {
      name,
      balance: balance.type,
      affinity: affinityName(upstream),
      servers: servers.map((server) => this.#server(server, upstream, live, counts?.get(server.slot), drains)),
      warnings: this.#subject.warnings(upstream).map(({ code, message }) => ({ code, message })),
      pause: this.#operations.pauseOf(name) ?? null,
    }
  }

  #server(
    server: Server,
    upstream: Upstream,
    live: number,
    count: SessionCount | undefined,
    drains: readonly Drain[],
  ): ServerView {
    const { scoreboard } = this.#subject
    const { name, address, weight, backup, slot } = server
    const {
      id = name,
      file,
      source = null,
      isAway = false,
      isSaidDown = false,
    } = this.#operations.server(upstream.name, name) ?? {}
    return {
      name,
      address,
      weight,
      backup,
      state: {
        admin: adminStateOf(server),
        ...(isAway ? away : this.#healthOf(server, upstream)),
        ...(isSaidDown && { cause: 'its source says that it is down' }),
        ...(server.ending && { ending: true as const }),
      },
      inFlight: scoreboard.servers.inFlight(slot),
      tunnels: scoreboard.servers.tunnels(slot),
      requests: scoreboard.servers.requests(slot),
      failures: scoreboard.servers.failures(slot),
      sessions: count ? sessionsOf(count, live) : null,
      source,
      id,
      ...(file !== undefined && { file }),
      drain: drains.find((drain) => drain.server === name) ?? null,
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
    if (health & HealthBit.Returning && health & (HealthBit.Unhealthy | HealthBit.Suspended)) return away
    const causeOf = (bit: HealthBit) => this.#subject.causeOf(upstream.name, name, bit)
    if (health & HealthBit.Unhealthy) {
      return { health: 'down', cause: causeOf(HealthBit.Unhealthy) ?? 'it has not passed a check yet' }
    }
    if (health & HealthBit.Ejected) {
      const cause = causeOf(HealthBit.Ejected)
      return { health: 'down', cause: cause === undefined ? 'ejected' : `ejected: ${cause}` }
    }
    if (health & HealthBit.Suspended) {
      const cause = `${counted(scoreboard.servers.fails(slot), 'failure')} in a row; suspended for ${failTimeout / 1000} s at a time`
      return { health: 'down', cause }
    }
    const isKnown = scoreboard.servers.requests(slot) > 0 || upstream.health?.check !== undefined
    return { health: isKnown ? 'up' : 'unknown', cause: null }
  }

  #freshCounts(): ReadonlyMap<number, SessionCount> {
    const { sessions, snapshot } = this.#subject
    const now = performance.now()
    if (now - this.#countedAt > COUNTS_KEEP || snapshot.generation !== this.#countedFor) {
      this.#ages = new Map(snapshot.upstreams.map(({ name }) => [name, new SessionAges()]))
      const bySlot = snapshot.upstreams.flatMap(({ name, servers }) => {
        const ages = this.#ages.get(name)!
        return servers.map(({ slot }) => [slot, ages] as const)
      })
      const slots = bySlot.map(([slot]) => slot)
      this.#counts = sessions.count(slots, wallSeconds(), new Map(bySlot))
      this.#countedFor = snapshot.generation
      this.#countedAt = now
    }
    return this.#counts
  }
}

function certificateView({
  name,
  hosts,
  notAfter,
  issuer,
  source,
  renewsAt,
  lastError,
}: CertificateSummary): Status['certificates'][number] {
  const daysLeft = Math.floor((notAfter - Date.now()) / DAY)
  return {
    name,
    hosts: [...hosts],
    notAfter: new Date(notAfter).toISOString(),
    daysLeft,
    issuer,
    source,
    renewsAt: renewsAt === undefined ? null : new Date(renewsAt).toISOString(),
    lastError: lastError ?? null,
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
