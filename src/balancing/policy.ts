import type { ServerState } from './server-state.ts'

/** A way to choose a server of an upstream. A policy is built for one Snapshot; what must outlive it is on the Scoreboard. */
export interface Policy {
  /**
   * Chooses a server that may serve and claims it.
   *
   * @param key what the choice is tied to, for policies that tie it: the octets of the client's address
   * @param avoid servers that this request has been sent to already
   * @param now ms on the shared clock
   */
  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined
  /** Where `key` would go if every server might serve. Absent where a policy ties no key to a server. */
  home?(key: Uint8Array): ServerState | undefined
}
