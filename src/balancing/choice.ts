import type { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'

/** How one is chosen among the servers of a roster, where no key decides. */
export interface Choice {
  /** The servers that are up, or their weights, have changed. */
  update(roster: Roster, now: number): void
  /** Chooses one of them that is not full. */
  choose(avoid: readonly ServerState[], now: number): ServerState | undefined
  /** See `Policy.answered`. */
  answered?(server: ServerState, ms: number, good: boolean, now: number): void
}
