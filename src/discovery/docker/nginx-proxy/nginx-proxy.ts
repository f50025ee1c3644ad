import { createHash } from 'node:crypto'
import type { FoundRoute } from '../../provider.ts'
import type { Container, DescribedUpstream, Dialect } from '../container.ts'
import { LabelMistakes } from '../label-mistakes.ts'
import { keyOf, labelPrefix } from './keys.ts'
import { restrictionsOf, settingsOf } from './settings.ts'
import { type VirtualHost, virtualHostsOf } from './virtual-hosts.ts'

/** The variables and labels of nginx-proxy. See docs/discovery/nginx-proxy.md. */
export const nginxProxy: Dialect = {
  name: 'nginx-proxy',
  read(containers) {
    const mistakes = new LabelMistakes()
    const oldestFirst = containers.toSorted((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1))
    const members = oldestFirst.flatMap((container) => membersOf(container, mistakes))
    const places = Map.groupBy(members, ({ name }) => name)
    const described = [...places].flatMap(([name, members]) => describe(name, members, mistakes))
    return {
      upstreams: described.map(({ upstream }) => upstream),
      routes: described.map(({ route }) => route),
      mistakes: mistakes.all,
    }
  },
}

/** A container at one host and path: all that share them are servers of one upstream, as in nginx-proxy. */
interface Member {
  readonly container: Container
  readonly name: string
  readonly host: VirtualHost
}

function membersOf(container: Container, mistakes: LabelMistakes): Member[] {
  const hosts = virtualHostsOf(container, mistakes)
  if (hosts.length > 0) sayUnused(container, mistakes)
  const members = new Map(hosts.map((host) => [nameOf(host), { container, name: nameOf(host), host }]))
  return [...members.values()]
}

function sayUnused(container: Container, mistakes: LabelMistakes): void {
  const labels = Object.keys(container.labels).filter((label) => label.startsWith(labelPrefix))
  for (const name of [...Object.keys(container.environment), ...labels]) {
    const key = keyOf(name)
    const label = { container, label: name }
    if (key?.meaning === 'noted') mistakes.note(label, key.why)
    else if (key?.meaning === 'refused') mistakes.add(label, 'is not supported', key.why)
    else if (key === undefined && name.startsWith(labelPrefix)) mistakes.add(label, 'is no label of nginx-proxy')
  }
}

/** The newest container says how the upstream is; nothing is served if it is not to be. */
function describe(
  name: string,
  members: readonly Member[],
  mistakes: LabelMistakes,
): { upstream: DescribedUpstream; route: FoundRoute }[] {
  const newest = members.at(-1)!
  const { container, host } = newest
  const settings = settingsOf(container, mistakes)
  for (const other of members.slice(0, -1)) {
    const differs =
      JSON.stringify([settingsOf(other.container, mistakes), filtersOf(other)]) !==
      JSON.stringify([settings, filtersOf(newest)])
    if (differs)
      mistakes.addOf(other.container, `is not as container ${container.name} at ${name}, which is newer and counts`)
  }
  if (settings === undefined) return []
  const where = mistakes.where(container, host.label.label)
  const servers = members.map(({ container, host: { port } }) => ({ container, port, settings: {} }))
  const filters = filtersOf(newest)
  const required = { host: host.hosts, path: host.paths }
  const route = { upstream: name, settings: { ...required, ...(filters.length > 0 && { filters }) }, where }
  return [{ upstream: { name, settings, servers, where }, route }]
}

function filtersOf({ container, host }: Member) {
  return [...restrictionsOf(container), ...host.filters]
}

/** `www.example.org`, `www.example.org_app`; with a hash where that could be the name of another, too. */
function nameOf({ hosts: [host = ''], paths }: VirtualHost): string {
  const path = paths.at(-1)!.replace(/\/\*$/, '')
  const written = `${host}${path}`
  const name = written
    .replace(/^\*\./, '')
    .replaceAll('/', '_')
    .replaceAll(/[^\w.-]+/g, '-')
    // What regular expressions and stars leave: a name begins and ends with a letter or a digit.
    .replace(/^[-._]+/, '')
    .replace(/[-._]+$/, '')
  const isExact = paths.length === 1 && path === paths[0]
  if (!isExact && /^[a-z0-9][a-z0-9.-]*(?:\/[A-Za-z0-9.-]+)*$/.test(written)) return name
  return `${name}-${createHash('sha256').update(`${host}${paths[0]}`).digest('hex').slice(0, 6)}`
}
