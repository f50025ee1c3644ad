import type { SessionCount } from '../runtime/session-table.ts'
import type { Server } from '../runtime/snapshot.ts'

/**
 * The server whose removal would move the fewest sessions: of two, the one with fewer that are active, the one with the smaller
 * weight, the later one. Undefined if there are not at least two servers.
 *
 * @param counts by server slot
 */
export function emptiest(
  servers: readonly Server[],
  counts: ReadonlyMap<number, Pick<SessionCount, 'live' | 'active'>>,
): Server | undefined {
  if (servers.length < 2) return undefined
  const sizeOf = ({ slot, weight }: Server) => [counts.get(slot)?.live ?? 0, counts.get(slot)?.active ?? 0, weight]
  return servers.toReversed().toSorted((one, other) => compare(sizeOf(one), sizeOf(other)))[0]
}

/** By the first numbers that differ. */
function compare(one: readonly number[], other: readonly number[]): number {
  const index = one.findIndex((number, place) => number !== other[place])
  return index < 0 ? 0 : one[index]! - other[index]!
}
