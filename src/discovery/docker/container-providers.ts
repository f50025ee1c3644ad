import type { DockerLabels, DockerSource } from '../../config/sources/docker.ts'
import { eachDifferent } from '../each-different.ts'
import { isSameLandscape, isSameList } from '../list-changes.ts'
import type { Landscape, Provider } from '../provider.ts'
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
  const read = ({ containers, addresses }: ReachedContainers) => serverListOf(containers, addresses, source, upstream)
  return { name, watch: (signal) => eachDifferent(each(watch(signal), read), isSameList, signal) }
}

/** All that the labels of containers describe. */
export function containerLandscape(name: string, watch: Watch, labels: DockerLabels): Provider<Landscape> {
  const read = ({ containers, addresses }: ReachedContainers) => landscapeOf(containers, addresses, labels)
  return { name, watch: (signal) => eachDifferent(each(watch(signal), read), isSameLandscape, signal) }
}

async function* each<Found extends object>(
  sightings: AsyncIterable<ReachedContainers>,
  read: (reached: ReachedContainers) => Found,
) {
  for await (const reached of sightings) yield { ...read(reached), isUrgent: reached.isUrgent }
}
