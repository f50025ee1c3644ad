import { Router } from '../../routing/router.ts'
import { affinityName } from '../../runtime/affinity-name.ts'
import { Scoreboard } from '../../runtime/scoreboard.ts'
import { SessionTable } from '../../runtime/session-table.ts'
import type { Snapshot } from '../../runtime/snapshot.ts'
import type { SimulatedConfiguration, SimulatedUpstream } from '../answers.ts'
import { namedBy } from '../arrival.ts'
import { Rehearsal } from '../rehearsal.ts'
import { InFlight } from './in-flight.ts'
import { Jars } from './jars.ts'
import type { LogClock } from './log-clock.ts'
import { forLog } from './log-snapshot.ts'
import { type Ended, MovedUsers } from './moved-users.ts'
import { SplitReplay } from './split-replay.ts'
import { UpstreamReplay } from './upstream-replay.ts'
import { type UserRequest, UserRequestReader } from './user-request.ts'

/** A configuration, and its name for the reader. */
export interface NamedSnapshot {
  readonly name: string
  readonly snapshot: Snapshot
}

/** One configuration in a simulation. `close` it. */
export class Replay {
  readonly #name: string
  readonly #original: Snapshot
  readonly #notes: readonly string[]
  readonly #clock: LogClock
  readonly #router: Router
  readonly #reader: UserRequestReader
  readonly #scoreboard = new Scoreboard()
  readonly #sessions = new SessionTable()
  readonly #rehearsal = new Rehearsal(this.#scoreboard, this.#sessions)
  readonly #upstreams: readonly UpstreamReplay[]
  readonly #splits: SplitReplay
  readonly #inFlight = new InFlight()
  readonly #jars = new Jars()
  /** Whether the listener that requests come by redirects those that are not by HTTPS. */
  readonly #redirectsToHttps: boolean
  #unrouted = 0
  #redirected = 0

  /**
   * @param clock the time that everything here goes by
   * @param listener that requests come by
   * @throws RangeError if there is no such listener
   */
  constructor({ name, snapshot }: NamedSnapshot, clock: LogClock, listener?: string) {
    const entrance = namedBy(snapshot.listeners, listener)
    this.#redirectsToHttps = entrance?.redirectTo !== undefined
    const { snapshot: played, notes } = forLog(snapshot)
    this.#name = name
    this.#original = snapshot
    this.#notes = notes
    this.#clock = clock
    this.#router = new Router(played.routes)
    this.#reader = new UserRequestReader(played.limits, entrance?.name)
    this.#sessions.apply(played.upstreams)
    this.#splits = new SplitReplay(this.#rehearsal, played)
    this.#upstreams = played.upstreams.map((upstream) => new UpstreamReplay(this.#rehearsal.groupOf(upstream)))
  }

  /** Sends a request on its way. Returns whether it is one. */
  add(request: UserRequest, duration: number, user: string): boolean {
    this.#endUntil(request.time)
    this.#clock.now = request.time
    const view = this.#reader.read(request, this.#jars.linesOf(user))
    if (view === undefined) return false
    if (this.#redirectsToHttps && !request.isSecure) {
      this.#redirected++
      return true
    }
    const route = this.#router.find(this.#reader.host, view.path, view)
    if (route === undefined) this.#unrouted++
    else if (route.redirect !== undefined || route.upstream < 0) this.#redirected++
    else {
      const upstream = this.#splits.upstreamOf(route, view, request.isSecure)
      const exchange = this.#upstreams[upstream]!.place(view, request, duration, user, this.#jars)
      if (exchange !== undefined) this.#inFlight.add(exchange)
    }
    return true
  }

  #endUntil(time: number): void {
    this.#inFlight.endUntil(time, (at) => {
      this.#clock.now = at
    })
  }

  /** Everything in flight ends, and what became of it is told. */
  outcome(): SimulatedConfiguration {
    this.#endUntil(Infinity)
    const ended = {
      scoreboard: this.#scoreboard,
      sessions: this.#sessions,
      jars: this.#jars,
      reader: this.#reader,
      clock: this.#clock,
    }
    const { dropped } = this.#jars
    const forgotten = `${dropped} early users were forgotten; those that came back much later count as new`
    return {
      name: this.#name,
      notes: dropped === 0 ? this.#notes : [...this.#notes, forgotten],
      unrouted: this.#unrouted,
      redirected: this.#redirected,
      upstreams: this.#upstreams.map((upstream, index) => this.#upstream(upstream, index, ended)),
    }
  }

  #upstream(replay: UpstreamReplay, index: number, ended: Ended): SimulatedUpstream {
    const { group, loads, sample, requests, waited, failed } = replay
    const users = [...sample.users.values()]
    const served = requests - waited - failed
    const primaries = group.servers.filter(({ settings }) => !settings.backup)
    const weight = primaries.reduce((sum, { settings }) => sum + settings.weight, 0)
    const loadsByWeight = primaries.map(({ settings }) => loads.get(settings.slot)!.requests / settings.weight)
    return {
      name: group.settings.name,
      balance: group.settings.balance.type,
      affinity: affinityName(this.#original.upstreams[index]!),
      requests,
      waited,
      failed,
      users: users.length * sample.weight,
      spread: served === 0 || weight === 0 ? null : Math.max(...loadsByWeight) / (served / weight),
      servers: group.servers.map(({ settings: { name, slot } }) => {
        const { requests, peak, mostInFlight } = loads.get(slot)!
        const here = users.filter((user) => user.slot === slot).length * sample.weight
        return { name, requests, share: served === 0 ? 0 : requests / served, peak, mostInFlight, users: here }
      }),
      changes: new MovedUsers(replay, ended).changes(),
    }
  }

  close(): void {
    this.#rehearsal.close()
  }
}
