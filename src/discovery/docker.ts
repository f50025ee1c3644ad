import type { DockerLabels, DockerSource } from '../config/sources/docker.ts'
import { Addresses } from './docker/addresses.ts'
import { engineName } from './docker/engine.ts'
import type { Sighting } from './docker/engine-watch.ts'
import { landscapeOf, serverListOf } from './docker/landscape.ts'
import { ownContainer } from './docker/own-container.ts'
import { watchContainers } from './docker/watch-containers.ts'
import { eachDifferent } from './each-different.ts'
import type { Landscape, Provider } from './provider.ts'

/** The containers that are servers of one upstream. */
export function dockerProvider(source: DockerSource, upstream: string): Provider {
  return {
    name: engineName(source),
    watch: (signal) =>
      eachDifferent(watchContainers(source, signal), (sighting) =>
        serverListOf(sighting.containers, addressesOf(sighting, source), source, upstream),
      ),
  }
}

/** All that the labels of containers describe. */
export function dockerLandscape(labels: DockerLabels): Provider<Landscape> {
  return {
    name: engineName(labels),
    watch: (signal) =>
      eachDifferent(watchContainers(labels, signal), (sighting) =>
        landscapeOf(sighting.containers, addressesOf(sighting, labels), labels),
      ),
  }
}

function addressesOf({ containers, machine }: Sighting, { network }: DockerSource | DockerLabels): Addresses {
  return new Addresses(containers, machine, network, ownContainer())
}
