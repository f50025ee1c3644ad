import { setImmediate } from 'node:timers/promises'
import { PARTS } from '../../runtime/session-table/layout.ts'
import type { SessionTable, SessionTally } from '../../runtime/session-table.ts'

/** How long the session table is read before the event loop goes on, in ms. */
const SLICE = 3

/** Reads the whole session table once for all servers that anything is to be known of, in slices. */
export async function surveySessions(
  sessions: SessionTable,
  tallies: ReadonlyMap<number, SessionTally>,
  now: number,
): Promise<void> {
  let sliceEnds = performance.now() + SLICE
  for (let part = 0; part < PARTS; part++) {
    sessions.tally(part, tallies, now)
    if (performance.now() < sliceEnds) continue
    await setImmediate()
    sliceEnds = performance.now() + SLICE
  }
}
