import type { SessionResponse } from '../../affinity/affinity.ts'
import type { ServerState } from '../../balancing/server-state.ts'
import { Failure } from '../../exchange/failure.ts'
import { Placement } from '../../exchange/placement.ts'
import type { RequestView } from '../../exchange/request-view.ts'
import { Wait } from '../../exchange/ticket.ts'
import type { UpstreamGroup } from '../../exchange/upstream-group.ts'
import type { Ending } from './in-flight.ts'
import type { Jars } from './jars.ts'
import { sessionHeaderOf } from './log-snapshot.ts'
import { ServerLoad } from './server-load.ts'
import { detached, detachedText, type UserRequest } from './user-request.ts'
import { UserSample } from './user-sample.ts'

/** What an application that is simulated answers: a page, with the user's session in that header. */
class Page implements SessionResponse {
  readonly status = 200
  readonly endsSession = false
  readonly #name: string | undefined
  readonly #user: string

  constructor(name: string | undefined, user: string) {
    this.#name = name
    this.#user = user
  }

  header(name: string): string | undefined {
    return name === this.#name ? this.#user : undefined
  }

  setCookies(): readonly string[] {
    return []
  }

  redirectQuery(): undefined {
    return undefined
  }
}

/** A request that is in flight on a server. */
class Exchange implements Ending {
  readonly at: number
  readonly #duration: number
  readonly #placement: Placement
  readonly #server: ServerState
  readonly #user: string
  readonly #jars: Jars

  constructor(at: number, duration: number, placement: Placement, server: ServerState, user: string, jars: Jars) {
    this.at = at
    this.#duration = duration
    this.#placement = placement
    this.#server = server
    this.#user = user
    this.#jars = jars
  }

  end(): void {
    const { settings, policy } = this.#placement.group
    const header = sessionHeaderOf(settings)
    const fields = this.#placement.answered(new Page(header, this.#user), false)
    if (header !== undefined) this.#jars.of(this.#user).takeHeader(header, this.#user)
    if (settings.affinity?.type === 'cookie' && fields !== '')
      this.#jars.of(this.#user).takeCookie(settings.affinity.name, detachedText(valueIn(fields)))
    policy.answered?.(this.#server, this.#duration, true, this.at)
    this.#server.release()
    this.#placement.end()
  }
}

/** The value of the cookie that a Set-Cookie line sets. */
function valueIn(line: string): string {
  return line.slice(line.indexOf('=') + 1, line.indexOf(';'))
}

/** An upstream in a simulation: where its requests go. */
export class UpstreamReplay {
  readonly group: UpstreamGroup
  /** By slot. */
  readonly loads: ReadonlyMap<number, ServerLoad>
  readonly sample = new UserSample()
  requests = 0
  /** Requests that had to wait in the queue; they are not followed further. */
  waited = 0
  /** Requests that no server could serve. */
  failed = 0

  constructor(group: UpstreamGroup) {
    this.group = group
    this.loads = new Map(group.servers.map(({ settings }) => [settings.slot, new ServerLoad()]))
  }

  /** Places a request; returns what is in flight then, if anything is. */
  place(view: RequestView, request: UserRequest, duration: number, user: string, jars: Jars): Ending | undefined {
    this.requests++
    const placement = Placement.of(this.group, view)
    const next = placement.next(request.time)
    if (next instanceof Wait || next instanceof Failure) {
      if (next instanceof Wait) this.waited++
      else this.failed++
      placement.end()
      return undefined
    }
    const { slot } = next.settings
    this.loads.get(slot)!.count(request.time, next.inFlight)
    if (this.sample.isChosen(user)) this.sample.note(user, detached(request), slot)
    return new Exchange(request.time + duration, duration, placement, next, user, jars)
  }
}
