import type { DockerLabels, DockerSource } from '../../config/sources/docker.ts'
import type { FoundUpstream, Landscape, ServerList } from '../provider.ts'
import type { Addresses } from './addresses.ts'
import type { Described, DescribedUpstream } from './container.ts'
import { compatibleDialects } from './dialects.ts'
import { foundServers } from './found-servers.ts'
import type { KnownContainer } from './known-containers.ts'
import { limpetDialect, settingsBeside } from './limpet/limpet.ts'
import { selected } from './selected.ts'

/** The containers that are servers of one upstream. */
export function serverListOf(
  containers: readonly KnownContainer[],
  addresses: Pick<Addresses, 'of'>,
  source: Pick<DockerSource, 'labels' | 'service' | 'project' | 'port' | 'exposeByDefault' | 'compatibility'>,
  upstream: string,
): ServerList {
  const { servers: described, mistakes } = selected(serving(containers), source, upstream)
  const found = foundServers(described, containers, addresses)
  return { servers: found.servers, mistakes: [...mistakes, ...found.mistakes] }
}

/** All that the labels of containers describe, in Limpet's own words and in those of others. */
export function landscapeOf(
  containers: readonly KnownContainer[],
  addresses: Pick<Addresses, 'of'>,
  { exposeByDefault, compatibility }: Pick<DockerLabels, 'exposeByDefault' | 'compatibility'>,
): Landscape {
  const read = serving(containers)
  const own = limpetDialect(exposeByDefault).read(read)
  const others = compatibleDialects(compatibility).map((dialect) => dialect.read(read))
  const all: readonly Described[] = [own, ...others]
  const mistakes = all.flatMap((described) => described.mistakes)
  const upstreams = [...byName(all.flatMap((described) => described.upstreams))].map(([name, parts]): FoundUpstream => {
    const found = foundServers(
      parts.flatMap(({ servers }) => servers),
      containers,
      addresses,
    )
    mistakes.push(...found.mistakes)
    const beside = settingsBeside(name, own, others)
    // Limpet's own labels count where others' say something else.
    const settings = Object.assign({}, ...parts.map((part) => part.settings).toReversed(), beside)
    return { name, settings, servers: found.servers, where: parts[0]!.where }
  })
  return { upstreams, routes: all.flatMap(({ routes }) => routes), mistakes }
}

function byName(upstreams: readonly DescribedUpstream[]): Map<string, DescribedUpstream[]> {
  return Map.groupBy(upstreams, ({ name }) => name)
}

/** Not those which somebody has started beside the ones that serve. */
function serving(containers: readonly KnownContainer[]): KnownContainer[] {
  return containers.filter(({ isOneOff }) => !isOneOff)
}
