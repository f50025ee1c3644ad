import type { Listener } from '../runtime/snapshot.ts'

/** Where a connection came in. */
export interface Entrance {
  /** Its settings now; they hold for the next connection. */
  readonly listener: Listener
  /** Whether it accepts no more connections, so that those that it has accepted end with their next response. */
  readonly isClosed: boolean
}
