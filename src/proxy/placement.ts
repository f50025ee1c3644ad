import type { ServerState } from '../balancing/server-state.ts'
import type { Reason } from './reason.ts'
import type { UpstreamGroup } from './upstream-group.ts'

const NOBODY: readonly ServerState[] = []

/** Which servers of its upstream an exchange goes to, one attempt after the other, and why. */
export class Placement {
  readonly group: UpstreamGroup
  /** Why the exchange went where it went last. */
  reason: Reason | undefined
  /** What the policy ties its choice to. */
  readonly #key: Uint8Array
  #tried = NOBODY

  constructor(group: UpstreamGroup, key: Uint8Array) {
    this.group = group
    this.#key = key
  }

  /** How many servers the exchange has been to. */
  get tries(): number {
    return this.#tried.length
  }

  /** Picks a server that has not been tried, and claims it; undefined where there is none. */
  next(time: number): ServerState | undefined {
    const server = this.group.policy.pick(this.#key, this.#tried, time)
    if (server === undefined) return undefined
    this.reason = this.#reasonFor(server, time)
    this.#tried = this.#tried === NOBODY ? [server] : [...this.#tried, server]
    return server
  }

  #reasonFor(server: ServerState, time: number): Reason {
    if (this.#tried !== NOBODY) return 'retry'
    const home = this.group.policy.home?.(this.#key)
    if (home === undefined) return 'new'
    if (server === home) return 'stuck'
    const refusal = home.refusal(time)
    // Not refused by itself: its share of a bounded load is full.
    return refusal === 'full' || refusal === undefined ? 'moved:full' : 'moved:down'
  }
}
