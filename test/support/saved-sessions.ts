import { PARTS, type SavedSession, type SessionTable } from '../../src/session-table.ts'

/** All that a table would save at that time. */
export function savedOf(table: SessionTable, now: number): SavedSession[] {
  return Array.from({ length: PARTS }, (_, part) => [...table.sessions(part, now)]).flat()
}
