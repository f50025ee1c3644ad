import type { DockerLabels, DockerSource } from '../../config/sources/docker.ts'
import { eachDifferent } from '../each-different.ts'
import type { Landscape, Provider, ServerList } from '../provider.ts'
import type { Addresses } from './addresses.ts'
import type { KnownContainer } from './known-containers.ts'
import { landscapeOf, serverListOf } from './landscape.ts'

/** Containers, wherever they run, and the addresses at which they are reached. */
export interface ReachedContainers {
  readonly containers: readonly KnownContainer[]
  readonly addresses: Pick<Addresses, 'of'>
  /** Whether it must take effect at once. */
  readonly isUrgent: boolean
}

type Watch = (signal: AbortSignal) => AsyncIterable<ReachedContainers>

/** The containers that are servers of one upstream. */
export function containerServers(
  name: string,
  watch: Watch,
  source: Omit<DockerSource, 'from'>,
  upstream: string,
): Provider {
  return providerOf(name, watch, ({ containers, addresses }) => serverListOf(containers, addresses, source, upstream))
}

/** All that the labels of containers describe. */
export function containerLandscape(name: string, watch: Watch, labels: DockerLabels): Provider<Landscape> {
  return providerOf(name, watch, ({ containers, addresses }) => landscapeOf(containers, addresses, labels))
}

function providerOf<Found extends ServerList | Landscape>(
  name: string,
  watch: Watch,
  read: (reached: ReachedContainers) => Found,
): Provider<Found> {
  return { name, watch: (signal) => eachDifferent(all(watch(signal), read), signal) }
}

async function* all<Found extends ServerList | Landscape>(
  sightings: AsyncIterable<ReachedContainers>,
  read: (reached: ReachedContainers) => Found,
): AsyncGenerator<Found, void> {
  for await (const reached of sightings) yield { ...read(reached), isUrgent: reached.isUrgent }
}
