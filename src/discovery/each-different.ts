import { isDeepStrictEqual } from 'node:util'
import type { Landscape, ServerList } from './provider.ts'

/** What is read of all that is seen, wherever it is something else than before. */
export async function* eachDifferent<
  Sighting extends { readonly isUrgent: boolean },
  Found extends ServerList | Landscape,
>(sightings: AsyncIterable<Sighting>, read: (sighting: Sighting) => Found): AsyncGenerator<Found, void> {
  let last: Found | undefined
  for await (const sighting of sightings) {
    const found = read(sighting)
    if (last !== undefined && isDeepStrictEqual(found, last)) continue
    last = found
    yield { ...found, ...(sighting.isUrgent && { isUrgent: true }) }
  }
}
