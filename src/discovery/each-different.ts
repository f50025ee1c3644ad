import { isDeepStrictEqual } from 'node:util'
import type { Landscape, ServerList } from './provider.ts'

/**
 * What is found, whenever it is something else than before. Ends once the signal is aborted, also where what is found fails because
 * of that.
 */
export async function* eachDifferent<Found extends ServerList | Landscape>(
  all: AsyncIterable<Found>,
  signal: AbortSignal,
): AsyncGenerator<Found, void> {
  let last: Found | undefined
  try {
    for await (const found of all) {
      if (last !== undefined && isSame(found, last)) continue
      yield found
      last = found
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Whether both say the same, however urgent they are. */
function isSame<Found extends ServerList | Landscape>(one: Found, other: Found): boolean {
  return isDeepStrictEqual({ ...one, isUrgent: undefined }, { ...other, isUrgent: undefined })
}
