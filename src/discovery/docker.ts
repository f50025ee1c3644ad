import type { DockerLabels, DockerSource } from '../config/sources/docker.ts'
import { Addresses } from './docker/addresses.ts'
import { containerLandscape, containerServers, type ReachedContainers } from './docker/container-providers.ts'
import { engineName } from './docker/engine.ts'
import { ownContainer } from './docker/own-container.ts'
import { watchContainers } from './docker/watch-containers.ts'
import type { Landscape, Provider } from './provider.ts'

/** The containers that are servers of one upstream. */
export function dockerProvider(source: DockerSource, upstream: string): Provider {
  return containerServers(engineName(source), (signal) => reached(source, signal), source, upstream)
}

/** All that the labels of containers describe. */
export function dockerLandscape(labels: DockerLabels): Provider<Landscape> {
  return containerLandscape(engineName(labels), (signal) => reached(labels, signal), labels)
}

async function* reached(
  settings: DockerSource | DockerLabels,
  signal: AbortSignal,
): AsyncGenerator<ReachedContainers, void> {
  for await (const { containers, machine, isUrgent } of watchContainers(settings, signal)) {
    const addresses = new Addresses(containers, machine, settings.network, ownContainer())
    yield { containers, addresses, isUrgent }
  }
}
