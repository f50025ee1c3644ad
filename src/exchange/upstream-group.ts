import type { Affinity, Session } from '../affinity/affinity.ts'
import { affinityFor } from '../affinity/registry.ts'
import { ActivePolicy } from '../balancing/active-policy.ts'
import type { Policy } from '../balancing/policy.ts'
import { ServerList } from '../balancing/server-list.ts'
import type { ServerState } from '../balancing/server-state.ts'
import type { Deadlines } from '../runtime/deadlines.ts'
import type { Departures } from '../runtime/scoreboard/departures.ts'
import type { NewUsers } from '../runtime/scoreboard/new-users.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Balance, Upstream } from '../runtime/snapshot.ts'
import { AddressSample } from '../skew/address-sample.ts'
import { Queue } from './queue.ts'
import type { ServerStreams } from './server-stream.ts'

/** How session keys are hashed, if the affinity leaves that to a policy; undefined if it does not. */
function hashOf({ affinity }: Upstream): Balance | undefined {
  if (affinity === undefined || affinity.type === 'cookie') return undefined
  // The key here is never read: such a session brings its own.
  if (affinity.type === 'learn' || affinity.type === 'server-id')
    return { type: 'consistent-hash', key: { from: 'uri' } }
  return affinity
}

/**
 * A running upstream, as one worker sees it: its affinity, its policy, its servers, and the requests that wait for
 * them. It lasts as long as there is an upstream of that name: `apply` takes over the settings of each Snapshot, and
 * what they do not change keeps its object, its counters and its turn.
 */
export class UpstreamGroup {
  readonly sessions: SessionTable
  readonly newUsers: NewUsers
  readonly departures: Departures
  readonly queue: Queue
  readonly streams: ServerStreams
  readonly #scoreboard: Scoreboard
  readonly #servers: ServerList
  readonly #policy: ActivePolicy
  /** Chooses servers for sessions by their keys; undefined if they have none. */
  #sessionPolicy: ActivePolicy | undefined
  #settings: Upstream
  #affinity: Affinity | undefined
  #sample: AddressSample | undefined
  #isRetired = false

  constructor(
    settings: Upstream,
    scoreboard: Scoreboard,
    sessions: SessionTable,
    worker: number,
    deadlines: Deadlines,
    streams: ServerStreams,
  ) {
    const { slot, balance } = settings
    this.#settings = settings
    this.sessions = sessions
    this.newUsers = scoreboard.newUsers
    this.departures = scoreboard.departures
    this.#scoreboard = scoreboard
    this.streams = streams
    this.#servers = new ServerList(slot, scoreboard, worker)
    this.#servers.apply(settings.servers)
    this.queue = new Queue(settings, this.servers, scoreboard, worker, deadlines)
    this.#policy = new ActivePolicy(balance, this.servers, slot, scoreboard)
    this.#setSessionPolicy(hashOf(settings))
    this.#policy.finish()
    this.#sessionPolicy?.finish()
    this.#affinity = affinityFor(settings, sessions)
    this.#sample = settings.skew && new AddressSample(settings.name)
  }

  get settings(): Upstream {
    return this.#settings
  }

  get affinity(): Affinity | undefined {
    return this.#affinity
  }

  get servers(): readonly ServerState[] {
    return this.#servers.all
  }

  get policy(): Policy {
    return this.#policy.current
  }

  /** Counts which clients send the most requests, if servers are picked by address. */
  get sample(): AddressSample | undefined {
    return this.#sample
  }

  /**
   * A server's bad answers in a row are reported when they reach this number, or a multiple of it; Infinity for never.
   */
  get badInRowLimit(): number {
    return this.#settings.health?.outlier?.consecutive5xx || Infinity
  }

  /** Whether the upstream was removed: exchanges in flight finish, and none begins. */
  get isRetired(): boolean {
    return this.#isRetired
  }

  /** The policy for sessions with a key, or that for all other requests. */
  policyOf(session: Session | undefined): Policy {
    return session?.key === undefined ? this.policy : this.keyPolicy
  }

  /** The policy for sessions with a key. */
  get keyPolicy(): Policy {
    // The affinity may have been replaced since it made the key.
    return this.#sessionPolicy?.current ?? this.policy
  }

  /** The server in that slot of the Scoreboard; undefined if it is not in this upstream. */
  serverIn(slot: number): ServerState | undefined {
    return this.#servers.in(slot)
  }

  /**
   * Whether any server may serve, now or once it has a free place.
   *
   * @param besides one that does not count
   */
  isAnyUp(time: number, besides?: ServerState): boolean {
    return this.servers.some((server) => server !== besides && server.isUp(time))
  }

  /**
   * Whether servers may serve as soon as one has a free place, or is back.
   *
   * @param tried those that the request has been to
   */
  mayServeLater(time: number, tried: readonly ServerState[]): boolean {
    const { queue } = this
    let maySomeServe = this.isAnyUp(time)
    for (const server of this.servers) {
      const refusal = server.refusal(time)
      // A free place that others wait for counts as taken, and so does one that was released after the policy looked.
      const isOpen = refusal === undefined && !queue.isAwaited(server) && !queue.isAwaited(undefined)
      if (isOpen && tried.includes(server)) return false
      // If no server is up, suspended ones are the last resort, and those that end: they are back in a moment.
      const isEnding = refusal === 'drained' && server.settings.ending === true
      maySomeServe ||= isEnding || refusal === 'away' || (refusal === 'suspended' && server.isFull)
    }
    return maySomeServe
  }

  /**
   * If no server is up, one is claimed all the same that is not among `tried`: one that serves to its end, else one that only
   * failed requests keep out.
   *
   * @param home the request's own server
   */
  claimLastResort(time: number, tried: readonly ServerState[], home: ServerState | undefined): ServerState | undefined {
    if (this.isAnyUp(time)) return undefined
    return this.#claimEnding(time, tried, home) ?? this.#claimSuspended(time, tried)
  }

  /** Of the servers that have been told to stop and still serve, claims the request's own, or the one with the fewest requests. */
  #claimEnding(time: number, tried: readonly ServerState[], home: ServerState | undefined): ServerState | undefined {
    let best: ServerState | undefined
    for (const server of this.servers) {
      if (!server.mayServeToItsEnd(time) || tried.includes(server)) continue
      if (server === home && server.claim(time)) return server
      if (best === undefined || server.inFlight < best.inFlight) best = server
    }
    return best?.claim(time) ? best : undefined
  }

  /** Of the servers that only failed requests keep out, claims the one that failed longest ago. */
  #claimSuspended(time: number, tried: readonly ServerState[]): ServerState | undefined {
    let oldest: ServerState | undefined
    for (const server of this.servers) {
      if (server.refusal(time) !== 'suspended' || server.isFull || tried.includes(server)) continue
      if (oldest === undefined || server.failedBefore(oldest)) oldest = server
    }
    return oldest?.claimAnyway(time) ? oldest : undefined
  }

  // ── changes ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Takes over the settings of another Snapshot for the upstream of the same name, from the next request on. Exchanges
   * in flight on a removed server finish there; those that wait for it are decided again. If the affinity is of another
   * kind, sessions that requests in flight have shown are ignored from now on.
   */
  apply(next: Upstream): void {
    if (next === this.#settings) return
    const { balance, affinity, servers, skew } = next
    this.#servers.apply(servers)
    this.#settings = next
    this.streams.apply(next, this.servers)
    this.#policy.apply(balance, this.servers)
    this.#setSessionPolicy(hashOf(next))
    if (affinity === undefined || !this.#affinity?.apply(affinity, servers))
      this.#affinity = affinityFor(next, this.sessions)
    this.#sample = skew && (this.#sample ?? new AddressSample(next.name))
    // Last, since waiting requests may continue at once.
    this.queue.apply(next, this.servers)
  }

  /** The upstream was removed: requests that wait for a server end without one. */
  retire(): void {
    this.#isRetired = true
    const { pause: _, ...settings } = this.#settings
    this.apply({ ...settings, servers: [] })
    this.queue.close()
    this.#policy.stop()
    this.#sessionPolicy?.stop()
    this.streams.close()
  }

  #setSessionPolicy(hash: Balance | undefined): void {
    if (hash !== undefined && this.#sessionPolicy !== undefined) return this.#sessionPolicy.apply(hash, this.servers)
    this.#sessionPolicy?.stop()
    this.#sessionPolicy = hash && new ActivePolicy(hash, this.servers, this.#settings.slot, this.#scoreboard)
  }
}
