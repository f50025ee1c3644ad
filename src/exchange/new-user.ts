import type { Session } from '../affinity/affinity.ts'
import type { ServerState } from '../balancing/server-state.ts'
import { isAddress } from '../runtime/ip-address.ts'
import type { NewUserId } from '../runtime/scoreboard/new-users.ts'
import type { RequestView } from './request-view.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/**
 * The user of a request without a session, whose other requests of this moment have none either: a browser sends several at
 * once, before the first answer brings it a session. They are known by the client's address and User-Agent.
 */
export class NewUser {
  readonly #group: UpstreamGroup
  readonly #id: NewUserId
  /** For how long after the first request the others follow it, in ms. */
  readonly #window: number
  /** Whether this request is the first one, whatever came before. */
  readonly #isFirst: boolean

  private constructor(group: UpstreamGroup, id: NewUserId, window: number, isFirst: boolean) {
    this.#group = group
    this.#id = id
    this.#window = window
    this.#isFirst = isFirst
  }

  /** Undefined if the request has a session, or if the upstream does not keep such requests together. */
  static of(group: UpstreamGroup, session: Session | undefined, request: RequestView): NewUser | undefined {
    const { affinity, slot } = group.settings
    const window = affinity?.newUserWindow
    if (window === undefined || window === 0 || (session !== undefined && !beginsAnew(session))) return undefined
    const { address, userAgent } = request
    // Clients on a Unix socket cannot be told apart.
    if (!isAddress(address)) return undefined
    const id = group.newUsers.idOf(slot, address.octets, userAgent)
    return new NewUser(group, id, window, request.hasHeader('sec-fetch-mode', 'navigate'))
  }

  /** Until `unlock`, no request of this user is placed elsewhere. */
  lock(): void {
    this.#group.newUsers.lock(this.#id)
  }

  unlock(): void {
    this.#group.newUsers.unlock(this.#id)
  }

  /** The server that the first request went to; undefined if there was none, or too long ago. */
  server(time: number): ServerState | undefined {
    if (this.#isFirst) return undefined
    return this.#group.serverIn(this.#group.newUsers.serverOf(this.#id, this.#window, time))
  }

  /** The first request goes to that server, and the others follow it. */
  beginOn({ settings }: ServerState, time: number): void {
    this.#group.newUsers.note(this.#id, settings.slot, time)
  }
}

/** Whether the request's session is yet to be made, and no hash decides where. */
function beginsAnew({ home, key, standing }: Session): boolean {
  return home === undefined && key === undefined && standing !== 'removed'
}
