import { Failure } from '../../exchange/failure.ts'
import { Placement } from '../../exchange/placement.ts'
import { Wait } from '../../exchange/ticket.ts'
import { ReadOnlySessions } from '../../runtime/read-only-sessions.ts'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import type { Server, Upstream } from '../../runtime/snapshot.ts'
import type { SimulatedChange } from '../answers.ts'
import { Rehearsal } from '../rehearsal.ts'
import type { Jars } from './jars.ts'
import type { LogClock } from './log-clock.ts'
import type { UpstreamReplay } from './upstream-replay.ts'
import type { UserRequestReader } from './user-request.ts'

/** For at most so many servers it is asked what draining or losing them would do. */
const MOST_SERVERS = 32
/** The most requests that all questions about an upstream may take. */
const MOST_REQUESTS = 500_000

/** The parts of a simulation that has come to its end. */
export interface Ended {
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  readonly jars: Jars
  readonly reader: UserRequestReader
  readonly clock: LogClock
}

/** Which users of an upstream would move if a server were added, drained or lost, by the next request of each. */
export class MovedUsers {
  readonly #ended: Ended
  readonly #replay: UpstreamReplay
  /** Ids of users with a server of their own, whom the next request leads there again. */
  readonly #tied: readonly string[]
  /** How many users each of them stands for. */
  readonly #weight: number

  constructor(replay: UpstreamReplay, ended: Ended) {
    this.#replay = replay
    this.#ended = ended
    const { settings } = replay.group
    const { users, weight } = replay.sample
    const questions = 2 + 2 * Math.min(settings.servers.length, MOST_SERVERS)
    const asked = [...users.keys()].slice(0, Math.floor(MOST_REQUESTS / questions))
    this.#tied = this.#visits(settings, asked).flatMap(({ id, slot, isTied }) =>
      isTied && slot === users.get(id)!.slot ? id : [],
    )
    this.#weight = (weight * users.size) / Math.max(1, asked.length)
  }

  /** Empty if no user has a server of their own. */
  changes(): SimulatedChange[] {
    if (this.#tied.length === 0) return []
    const { servers } = this.#replay.group.settings
    const byRequests = servers.toSorted(
      (a, b) => this.#replay.loads.get(b.slot)!.requests - this.#replay.loads.get(a.slot)!.requests,
    )
    const busiest = new Set(byRequests.slice(0, MOST_SERVERS))
    const each = (change: 'drain' | 'lose', other: Partial<Server>) =>
      servers.flatMap((server) => {
        if (!busiest.has(server)) return []
        const changed = servers.map((one) => (one === server ? { ...one, ...other } : one))
        return this.#change(change, server.name, changed)
      })
    return [
      this.#change('add', null, [...servers, oneMore(servers)]),
      ...each('drain', { drain: true }),
      ...each('lose', { down: true }),
    ]
  }

  #change(change: SimulatedChange['change'], server: string | null, servers: readonly Server[]): SimulatedChange {
    const { users } = this.#replay.sample
    const visits = this.#visits({ ...this.#replay.group.settings, servers }, this.#tied)
    const moved = visits.filter(({ id, slot }) => slot !== users.get(id)!.slot).length
    return { change, server, moved: moved / this.#tied.length, users: Math.round(moved * this.#weight) }
  }

  /** Where the next request of each of those users goes in such an upstream. */
  #visits(upstream: Upstream, ids: readonly string[]) {
    const { scoreboard, sessions, jars, reader, clock } = this.#ended
    const known = new ReadOnlySessions(sessions)
    known.apply([upstream])
    const rehearsal = new Rehearsal(scoreboard.copy(), known)
    try {
      const group = rehearsal.groupOf(upstream)
      return ids.map((id) => {
        const { request } = this.#replay.sample.users.get(id)!
        clock.now = request.time
        const placement = Placement.of(group, reader.read(request, jars.linesOf(id))!)
        const next = placement.next(request.time)
        if (next instanceof Wait || next instanceof Failure) return { id, slot: -1, isTied: false }
        next.release()
        return { id, slot: next.settings.slot, isTied: placement.reason === 'stuck' }
      })
    } finally {
      rehearsal.close()
    }
  }
}

/** Another server like the first one, in a free slot. */
function oneMore(servers: readonly Server[]): Server {
  const slots = new Set(servers.map(({ slot }) => slot))
  let slot = 0
  while (slots.has(slot)) slot++
  const name = 'one more'
  const { away: _, ...like } = servers[0]!
  return { ...like, id: name, name, slot, down: false, drain: false, backup: false }
}
