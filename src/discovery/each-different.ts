/**
 * What is found, whenever it is something else than before. Ends once the signal is aborted, also where what is found fails because
 * of that.
 */
export async function* eachDifferent<Found>(
  all: AsyncIterable<Found>,
  isSame: (one: Found, other: Found) => boolean,
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
