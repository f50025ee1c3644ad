import type { Balance } from '../runtime/snapshot.ts'
import type { ServerState } from './server-state.ts'

/** A way to choose a server of an upstream. */
export interface Policy {
  /**
   * Chooses a server that may serve and claims it; the caller must `release` it.
   *
   * @param key the bytes that tie the request to a server (see `keyFor`); empty for none
   * @param avoid servers that have been tried for this request
   * @param now ms on the shared clock
   */
  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined
  /** The server for `key` if every server may serve. Absent if the policy ties no key to a server. */
  home?(key: Uint8Array): ServerState | undefined
  /**
   * A server answered, or failed to. Absent if the policy does not need it.
   *
   * @param ms from when the request was sent to the first byte of the response, or to the failure
   * @param good whether that was an answer below 500: anything else never makes a server look faster
   */
  answered?(server: ServerState, ms: number, good: boolean, now: number): void
  /**
   * Takes over the upstream's list of servers, with changed settings of theirs or of the policy. What did not change
   * keeps its counters and its turn, and no removed server is chosen.
   *
   * @returns whether this policy could take them over; if not, another one must be built, and this one serves until it
   *   is ready
   */
  apply(balance: Balance, servers: readonly ServerState[]): boolean
}
