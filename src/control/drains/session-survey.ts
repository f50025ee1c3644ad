import { PARTS } from '../../runtime/session-table/layout.ts'
import type { SessionTable, SessionTally } from '../../runtime/session-table.ts'
import { inSlices } from '../../runtime/slices.ts'

/** Reads the whole session table once for all servers that anything is to be known of, in slices. */
export async function surveySessions(
  sessions: SessionTable,
  tallies: ReadonlyMap<number, SessionTally>,
  now: number,
): Promise<void> {
  await inSlices(Array(PARTS).keys(), (part) => sessions.tally(part, tallies, now))
}
