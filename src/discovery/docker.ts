import { isDeepStrictEqual } from 'node:util'
import type { DockerLabels, DockerSource } from '../config/sources/docker.ts'
import { Addresses } from './docker/addresses.ts'
import { engineName } from './docker/engine.ts'
import { landscapeOf, serverListOf } from './docker/landscape.ts'
import { ownContainer } from './docker/own-container.ts'
import { type Sighting, watchContainers } from './docker/watch-containers.ts'
import type { Landscape, Provider, ServerList } from './provider.ts'

/** The containers that are servers of one upstream. */
export function dockerProvider(source: DockerSource, upstream: string): Provider {
  return {
    name: engineName(source),
    watch: (signal) =>
      eachDifferent(source, signal, (sighting): ServerList => {
        return serverListOf(sighting.containers, addressesOf(sighting, source), source, upstream)
      }),
  }
}

/** All that the labels of containers describe. */
export function dockerLandscape(labels: DockerLabels): Provider<Landscape> {
  return {
    name: engineName(labels),
    watch: (signal) =>
      eachDifferent(labels, signal, (sighting): Landscape => {
        return landscapeOf(sighting.containers, addressesOf(sighting, labels), labels)
      }),
  }
}

/** What is read of each sighting, wherever it is something else than before. */
async function* eachDifferent<Found extends ServerList | Landscape>(
  settings: DockerSource | DockerLabels,
  signal: AbortSignal,
  read: (sighting: Sighting) => Found,
): AsyncGenerator<Found, void> {
  let last: Found | undefined
  for await (const sighting of watchContainers(settings, signal)) {
    const found = read(sighting)
    if (last !== undefined && isDeepStrictEqual(found, last)) continue
    last = found
    yield { ...found, ...(sighting.isUrgent && { isUrgent: true }) }
  }
}

function addressesOf({ containers, machine }: Sighting, { network }: DockerSource | DockerLabels): Addresses {
  return new Addresses(containers, machine, network, ownContainer())
}
