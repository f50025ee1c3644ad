import type { Balance } from '../runtime/snapshot.ts'
import type { ServerState } from './server-state.ts'

/** A way to choose a server of an upstream. */
export interface Policy {
  /**
   * Chooses a server that may serve and claims it: the caller owes a `release` of it.
   *
   * @param key what the choice is tied to, for policies that tie it: what `keyFor` says; empty where there is nothing
   * @param avoid servers that this request has been sent to already
   * @param now ms on the shared clock
   */
  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined
  /** Where `key` would go if every server might serve. Absent where a policy ties no key to a server. */
  home?(key: Uint8Array): ServerState | undefined
  /**
   * A server answered, or failed to. Absent where a policy does not care.
   *
   * @param ms from when the request was sent to the first byte of the response, or to the failure
   * @param good whether that was an answer: a failure or a 5xx never makes a server look faster
   */
  answered?(server: ServerState, ms: number, good: boolean, now: number): void
  /**
   * The upstream's list of servers, their settings or those of the policy have changed. What did not change keeps its
   * counters and its turn, and no server is chosen that the upstream has no more.
   *
   * @returns whether that is all; else another policy is to be built, and this one serves until it is
   */
  apply(balance: Balance, servers: readonly ServerState[]): boolean
}
