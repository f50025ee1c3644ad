import type { Discovery } from '../config/discovery.ts'
import type { Source } from '../config/source.ts'
import type { Landscape, Provider } from './provider.ts'

type Makers = {
  readonly [From in Source['from']]: (
    source: Extract<Source, { readonly from: From }>,
    upstream: string,
  ) => Promise<Provider>
}

/** The code of a source, and its library, are loaded only where the configuration has such a source. To add a source, add an entry. */
const makers: Makers = {
  docker: async (source, upstream) => (await import('./docker.ts')).dockerProvider(source, upstream),
  swarm: async (source, upstream) => (await import('./swarm.ts')).swarmProvider(source, upstream),
  dns: async (source) => (await import('./dns.ts')).dnsProvider(source),
  file: async (source) => (await import('./file.ts')).fileProvider(source),
  http: async (source) => (await import('./http.ts')).httpProvider(source),
  consul: async (source) => (await import('./consul.ts')).consulProvider(source),
  etcd: async (source) => (await import('./etcd.ts')).etcdProvider(source),
  kubernetes: async (source) => (await import('./kubernetes.ts')).kubernetesProvider(source),
}

/**
 * @param upstream the name of the upstream whose servers it finds
 * @throws Error where a source needs a package that is not installed
 */
export function providerFor(source: Source, upstream: string): Promise<Provider> {
  return (makers[source.from] as (source: Source, upstream: string) => Promise<Provider>)(source, upstream)
}

/** What labels describe: upstreams, and the routes to them. */
export async function landscapesOf({ docker, swarm }: Discovery): Promise<Provider<Landscape>[]> {
  return [
    ...(docker === undefined ? [] : [(await import('./docker.ts')).dockerLandscape(docker)]),
    ...(swarm === undefined ? [] : [(await import('./swarm.ts')).swarmLandscape(swarm)]),
  ]
}
