import type { DockerSource } from '../../config/sources/docker.ts'
import type { Container, Described } from './container.ts'
import { compatibleDialects } from './dialects.ts'
import { readLabels } from './limpet/labels.ts'
import { described, isExposed } from './limpet/limpet.ts'

/** The containers that a source selects for an upstream: by its labels or service, or those whose own labels name the upstream. */
export function selected(
  containers: readonly Container[],
  source: Pick<DockerSource, 'labels' | 'service' | 'project' | 'port' | 'exposeByDefault' | 'compatibility'>,
  upstream: string,
): Pick<Described['upstreams'][number], 'servers'> & Pick<Described, 'mistakes'> {
  const { labels, service, project, port, exposeByDefault } = source
  const possible = containers.filter(
    (container) =>
      (project === undefined || container.project === project) &&
      (service === undefined || (container.service === service && isOfService(container))) &&
      Object.entries(labels ?? {}).every(([label, value]) => container.labels[label] === value),
  )
  const read = possible.map(readLabels)
  const isBySource = labels !== undefined || service !== undefined
  const own = isBySource
    ? read.filter(({ isEnabled }) => isEnabled !== false).map((each) => ({ ...each, ...asServerOf(upstream) }))
    : read.filter((each) => isExposed(each, exposeByDefault) && concerns(each, upstream))
  const others = isBySource ? [] : compatibleDialects(source.compatibility).map((dialect) => dialect.read(possible))
  const all = [described(own, port), ...others]
  return {
    servers: all.flatMap(({ upstreams }) => upstreams.find(({ name }) => name === upstream)?.servers ?? []),
    mistakes: all.flatMap(({ mistakes }) => mistakes),
  }
}

/** Whether it is one of a service, of Compose or Swarm. */
function isOfService({ project, service, name }: Container): boolean {
  return project !== undefined || service !== name
}

function concerns({ upstream, otherPorts }: ReturnType<typeof readLabels>, wanted: string): boolean {
  return upstream === wanted || otherPorts.has(wanted)
}

/** What labels say of upstreams and routes does not count where the file chooses the containers. */
function asServerOf(upstream: string) {
  return { upstream, isNamed: true, otherPorts: new Map<string, number>(), upstreams: new Map(), routes: [] }
}
