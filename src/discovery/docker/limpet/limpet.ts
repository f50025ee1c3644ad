import { isDeepStrictEqual } from 'node:util'
import type { FoundRoute, Mistake } from '../../provider.ts'
import type { Container, Described, DescribedServer, DescribedUpstream, Dialect } from '../container.ts'
import { type ReadLabels, readLabels } from './labels.ts'
import { onlyPort } from './ports.ts'

/** Limpet's own labels, such as `limpet.host`: docs/discovery/docker.md has them all. */
export function limpetDialect(exposeByDefault: boolean): Dialect {
  return {
    name: 'limpet',
    read: (containers) => described(containers.map(readLabels).filter((read) => isExposed(read, exposeByDefault))),
  }
}

/** Whether a container is used. Where its label limpet.enable cannot be read it is, so that its mistake is shown. */
export function isExposed({ isEnabled, mistakes }: ReadLabels, byDefault: boolean): boolean {
  return isEnabled ?? (byDefault || mistakes.some(({ where }) => where.endsWith(': label limpet.enable')))
}

/** What labels of containers that others' labels make servers of an upstream say of it besides, as far as they are not read anyway. */
export function settingsBeside(
  upstream: string,
  own: Described,
  others: readonly Described[],
): Record<string, unknown> {
  const read = new Set(own.upstreams.flatMap(({ servers }) => servers.map(({ container }) => container.id)))
  const speakers = others
    .flatMap(({ upstreams }) => upstreams.filter(({ name }) => name === upstream).flatMap(({ servers }) => servers))
    .filter(({ container }) => !read.has(container.id))
    .map(({ container }) => readLabels(container))
    .toSorted((one, other) => one.container.created - other.container.created)
  return Object.assign(
    {},
    ...speakers.map(({ upstreams, mistakes }) => (mistakes.length > 0 ? {} : upstreams.get(upstream))),
  )
}

/** What containers describe together. Those with mistakes are left out. */
export function described(all: readonly ReadLabels[], defaultPort?: number): Described {
  const mistakes = all.flatMap((read) => read.mistakes)
  const usable = apartByProject(
    all.filter((read) => read.mistakes.length === 0),
    mistakes,
  )
  const servers = new Map<string, DescribedServer[]>()
  const used: ReadLabels[] = []
  for (const read of usable) {
    const own = read.port ?? read.otherPorts.get(read.upstream) ?? defaultPort ?? onlyPort(read.container)
    if (typeof own !== 'number') {
      mistakes.push(own)
      continue
    }
    used.push(read)
    for (const [upstream, port] of new Map([...read.otherPorts, [read.upstream, own] as const])) {
      const { container, network, settings } = read
      const server = { container, port, ...(network !== undefined && { network }), settings }
      servers.set(upstream, [...(servers.get(upstream) ?? []), server])
    }
  }
  const speakers = newestOfEach(used, mistakes)
  const upstreams = [...servers].map(([name, found]): DescribedUpstream => {
    const { settings, where } = settingsOf(name, speakers, mistakes)
    return { name, settings, servers: found, where: where ?? `container ${found[0]!.container.name}` }
  })
  return { upstreams, routes: differentRoutes(speakers.flatMap(({ routes }) => routes)), mistakes }
}

/**
 * Services of the same name in different projects are different services: where no label names their upstream, the first project
 * has it.
 */
function apartByProject(all: readonly ReadLabels[], mistakes: Mistake[]): ReadLabels[] {
  const owners = new Map<string, Container>()
  const byAge = all.toSorted((one, other) => one.container.created - other.container.created)
  for (const { isNamed, upstream, container } of byAge)
    if (!isNamed && !owners.has(upstream)) owners.set(upstream, container)
  return all.filter(({ isNamed, upstream, container }) => {
    const owner = owners.get(upstream)
    if (isNamed || owner === undefined || groupOf(owner) === groupOf(container)) return true
    mistakes.push({
      where: `container ${container.name}`,
      message: `its upstream would be ${upstream}, as that of container ${owner.name}, which is older`,
      hint: `name an upstream for it: limpet.upstream=${container.project ?? 'other'}-${upstream}`,
    })
    return false
  })
}

/** The newest container of each service speaks for it: while containers are replaced, their labels may differ. */
function newestOfEach(all: readonly ReadLabels[], mistakes: Mistake[]): ReadLabels[] {
  const newest = new Map<string, ReadLabels>()
  for (const read of all) {
    const other = newest.get(groupOf(read.container))
    if (other === undefined || isNewer(read.container, other.container)) newest.set(groupOf(read.container), read)
  }
  for (const read of all) {
    const speaker = newest.get(groupOf(read.container))!
    if (read === speaker || isDeepStrictEqual(wordsOf(read), wordsOf(speaker))) continue
    mistakes.push({
      where: `container ${read.container.name}`,
      message: `its labels differ from those of container ${speaker.container.name}, which is newer: those count`,
      hint: 'recreate the older one',
    })
  }
  return [...newest.values()].toSorted((one, other) => (isNewer(one.container, other.container) ? -1 : 1))
}

/** The service that a container is of; itself without one. */
function groupOf({ project, service }: Container): string {
  return JSON.stringify([project, service])
}

function isNewer(one: Container, other: Container): boolean {
  return one.created > other.created || (one.created === other.created && one.id > other.id)
}

function wordsOf({ upstream, upstreams, routes }: ReadLabels) {
  return [upstream, [...upstreams], routes.map(({ upstream, settings }) => ({ upstream, settings }))]
}

/** The settings of an upstream, from all that speak of it, the newest first. */
function settingsOf(
  upstream: string,
  speakers: readonly ReadLabels[],
  mistakes: Mistake[],
): { settings: Record<string, unknown>; where: string | undefined } {
  const settings: Record<string, unknown> = {}
  let first: Container | undefined
  for (const { upstreams, container } of speakers) {
    for (const [key, value] of Object.entries(upstreams.get(upstream) ?? {})) {
      first ??= container
      if (!Object.hasOwn(settings, key)) settings[key] = value
      else if (!isDeepStrictEqual(settings[key], value))
        mistakes.push({
          where: `container ${container.name}: labels of upstream ${upstream}`,
          message: `${key} differs from that of container ${first.name}, which is newer: that counts`,
        })
    }
  }
  return { settings, where: first && `container ${first.name}` }
}

/** Each route once. Thousands of containers may say the same, so only routes of the same place are compared. */
function differentRoutes(routes: readonly FoundRoute[]): FoundRoute[] {
  const byPlace = new Map<string, FoundRoute[]>()
  return routes.filter((route) => {
    const { upstream, settings } = route
    const place = JSON.stringify([upstream, settings.host, settings.path])
    const others = byPlace.get(place) ?? []
    if (others.some((other) => isDeepStrictEqual(other.settings, settings))) return false
    byPlace.set(place, [...others, route])
    return true
  })
}
