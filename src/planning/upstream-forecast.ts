import type { Session } from '../affinity/affinity.ts'
import { bytesOfId } from '../affinity/session-id.ts'
import { Failure } from '../exchange/failure.ts'
import { Placement } from '../exchange/placement.ts'
import { Wait } from '../exchange/ticket.ts'
import type { UpstreamGroup } from '../exchange/upstream-group.ts'
import { now as clock } from '../runtime/clock.ts'
import type { SavedSession } from '../runtime/session-table/session-entries.ts'
import type { Affinity, Server, Snapshot, Upstream } from '../runtime/snapshot.ts'
import type { Move, MoveCause, UpstreamPlan } from './answers.ts'
import { keptBy } from './kept-sessions.ts'
import type { Rehearsal } from './rehearsal.ts'
import { upstreamsOf } from './route-upstreams.ts'

/** Policies whose choice depends on more than whose turn it is, and how a message says so. */
const UNCERTAIN = {
  'least-connections': 'least-connections goes by the requests in flight at that time',
  'random-two': 'random-two draws servers at random',
  'least-time': 'least-time goes by how fast the servers are at that time',
  hash: 'the keys that decide are not in the session table',
  'ip-hash': 'the addresses that decide are not in the session table',
  'consistent-hash': 'the keys or ids that decide are not in the session table',
} as const

/** What becomes of the sessions of one upstream under another Snapshot. */
export class UpstreamForecast {
  readonly #before: Upstream
  readonly #affinity: Affinity
  /** The upstream under the next Snapshot; undefined if nothing leads there. */
  readonly #after: Upstream | undefined
  readonly #rehearsal: Rehearsal
  /** Why no session of the upstream goes on; undefined if they do. */
  readonly #end: MoveCause | undefined
  readonly #now: number
  readonly #time = clock()
  readonly #names = new Map<number, string>()
  readonly #live = new Map<number, number>()
  readonly #afterwards = new Map<number, number>()
  readonly #moves = new Map<string, { -readonly [Key in keyof Move]: Move[Key] }>()
  readonly #because = new Set<string>()
  #isExact = true
  #areTargetsExact = true

  constructor(before: Upstream, current: Snapshot, next: Snapshot, rehearsal: Rehearsal, now: number) {
    const after = next.upstreams.find(({ name }) => name === before.name)
    this.#before = before
    this.#affinity = before.affinity!
    this.#now = now
    this.#end = this.#endUnder(after, current, next)
    const isGone = this.#end === 'upstream-removed' || this.#end === 'no-route'
    this.#after = isGone ? undefined : withoutPause(after!)
    this.#rehearsal = rehearsal
    for (const { slot, name } of [...before.servers, ...(this.#after?.servers ?? [])]) this.#names.set(slot, name)
  }

  #endUnder(after: Upstream | undefined, current: Snapshot, next: Snapshot): MoveCause | undefined {
    if (after === undefined) return 'upstream-removed'
    if (isRouted(this.#before, current) && !isRouted(after, next)) return 'no-route'
    if (after.affinity?.type === 'server-id' && after.servers.some((server) => !this.#hasServed(server)))
      this.#doubt('which sessions have ids of servers that serve only from now on is not in the session table')
    const kept = keptBy(after.affinity, this.#affinity)
    if (kept === 'unknown') this.#doubt('some of the sessions may be known by what the new affinity does not read')
    return kept === 'none' ? 'affinity-changed' : undefined
  }

  /** Whether the operator has that server serve its sessions now. */
  #hasServed({ id }: Server): boolean {
    const now = this.#before.servers.find((server) => server.id === id)
    return now !== undefined && !now.down && now.away !== true && (!now.drain || now.ownSessions === 'keep')
  }

  /** The slots of its servers. */
  get slots(): number[] {
    return this.#before.servers.map(({ slot }) => slot)
  }

  /** A live session of the upstream. */
  add(session: SavedSession): void {
    const { server } = session
    raise(this.#live, server)
    if (this.#after === undefined) return this.#move(server, undefined, this.#end!, 'unserved')
    // Built with the first session: most of many upstreams may have none.
    const group = this.#rehearsal.groupOf(this.#after)
    const shown = this.#shownBy(session, group)
    const placement = Placement.recalled(group, shown, bytesOfId(session))
    const next = placement.next(this.#time)
    if (!(next instanceof Wait || next instanceof Failure)) next.release()
    // It waits for a place on its own server, or stays on it while another serves it.
    if (next instanceof Wait || placement.reason === 'away') return raise(this.#afterwards, server)
    if (next instanceof Failure) {
      const outcome = next.code === 'session-lost' ? 'refused' : 'unserved'
      return this.#move(server, undefined, this.#causeOf(server, shown, group), outcome)
    }
    const { slot } = next.settings
    raise(this.#afterwards, slot)
    const goesOn = this.#end === undefined && shown?.standing !== 'expired'
    if (slot === server && goesOn) return
    const returns = placement.reason === 'moved:backup'
    this.#move(server, slot, returns ? 'backup' : this.#causeOf(server, shown, group), 'moved')
  }

  /** The session that its next request shows. */
  #shownBy(session: SavedSession, { affinity, settings }: UpstreamGroup): Session | undefined {
    if (this.#end === undefined) return affinity?.recall(session, this.#now)
    // Nobody has a cookie or an id that another affinity gives, but anybody may have a key, with which they are new here.
    const isKeyed =
      affinity !== undefined && settings.affinity?.type !== 'cookie' && settings.affinity?.type !== 'learn'
    return isKeyed ? affinity.recall({ ...session, high: ~session.high }, this.#now) : undefined
  }

  /** Why a session does not stay. */
  #causeOf(slot: number, shown: Session | undefined, group: UpstreamGroup): MoveCause {
    if (this.#end !== undefined) return this.#end
    const server = group.serverIn(slot)
    if (server === undefined) return 'removed'
    if (shown?.standing === 'expired') {
      if (this.#affinity.type === 'cookie') this.#doubt('cookies may be a little older than the session table knows')
      return 'expired'
    }
    const refusal = server.refusal(this.#time, true)
    if (refusal === undefined) return shown?.key === undefined ? 'full' : 'hash'
    if (refusal !== 'down' && refusal !== 'drained')
      this.#doubt(`server ${server.settings.name} is ${refusal} now, and may be back by then`)
    return refusal
  }

  #move(from: number, to: number | undefined, why: MoveCause, outcome: Move['outcome']): void {
    const id = `${from} ${to} ${why} ${outcome}`
    const known = this.#moves.get(id)
    if (known !== undefined) {
      known.sessions++
      return
    }
    const name = to === undefined ? null : this.#names.get(to)!
    this.#moves.set(id, { from: this.#names.get(from)!, to: name, why, outcome, sessions: 1 })
    if (outcome === 'moved' && why !== 'hash') this.#doubtTargets(why)
  }

  /** The policy that places sessions which have lost their server. */
  #doubtTargets(why: MoveCause): void {
    const { affinity, balance } = this.#after!
    const isLost = this.#end !== undefined
    const isRemembered = affinity === undefined || affinity.type === 'cookie' || affinity.type === 'learn'
    if (!isRemembered && !isLost) return
    const beginsAnew = isLost || why === 'expired'
    if (isRemembered && beginsAnew && (affinity?.newUserWindow ?? 0) > 0) {
      this.#areTargetsExact = false
      this.#because.add('which requests are those of one new user is not in the session table')
    }
    let type = balance.type
    // A learnt id that is not known, or the key of another affinity, is hashed.
    if (affinity?.type === 'learn' && (isLost || why === 'removed' || why === 'expired')) type = 'consistent-hash'
    else if (!isRemembered) type = affinity.type === 'server-id' ? 'consistent-hash' : affinity.type
    if (type === 'round-robin') return
    this.#areTargetsExact = false
    this.#because.add(UNCERTAIN[type])
  }

  #doubt(cause: string): void {
    this.#isExact = this.#areTargetsExact = false
    this.#because.add(cause)
  }

  /** Undefined if it has no sessions. */
  outcome(): UpstreamPlan | undefined {
    const live = sum(this.#live.values())
    if (live === 0) return undefined
    const moves = [...this.#moves.values()].toSorted((a, b) => b.sessions - a.sessions)
    const countOf = (outcome: Move['outcome']) =>
      sum(moves.filter((move) => move.outcome === outcome).map(({ sessions }) => sessions))
    // Where the new key of a session is not known, neither is whether its server would refuse it.
    if (this.#end === 'affinity-changed' && new Set(moves.map(({ outcome }) => outcome)).size > 1)
      this.#doubt('the keys or ids that decide are not in the session table')
    const [move, refused, unserved] = [countOf('moved'), countOf('refused'), countOf('unserved')]
    return {
      name: this.#before.name,
      sessions: { live, stay: live - move - refused - unserved, move, refused, unserved },
      isExact: this.#isExact,
      areTargetsExact: this.#areTargetsExact,
      because: [...this.#because],
      servers: Array.from(this.#names, ([slot, name]) => ({
        name,
        now: this.#live.get(slot) ?? 0,
        afterwards: this.#afterwards.get(slot) ?? 0,
      })),
      moves,
    }
  }
}

/** Requests that wait for the end of a pause go where they would go without it. */
function withoutPause({ pause: _, ...upstream }: Upstream): Upstream {
  return upstream
}

/** Whether requests come to the upstream. */
function isRouted({ name }: Upstream, { routes, upstreams }: Snapshot): boolean {
  return routes.some(
    (route) => route.redirect === undefined && upstreamsOf(route).some((index) => upstreams[index]!.name === name),
  )
}

function raise(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function sum(counts: Iterable<number>): number {
  let total = 0
  for (const count of counts) total += count
  return total
}
