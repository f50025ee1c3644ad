import { createHash } from 'node:crypto'
import { unknownListeners } from '../../config/listener-name.ts'
import type { Route } from '../../config/route.ts'
import { canMatchTogether, placesOf } from '../../config/route-places.ts'
import type { Config } from '../../config/schema.ts'
import type { Server } from '../../config/server.ts'
import type { Source } from '../../config/source.ts'
import type { Upstream } from '../../config/upstream.ts'
import type { Mistake } from '../../discovery/provider.ts'
import { MAX_SERVERS, MAX_UPSTREAMS } from '../../runtime/bounds.ts'

/** What sources have found, as it is to be in effect. Immutable: what has not changed is the same object. */
export interface Found {
  /** By the name of the entry that they stand for: see `entriesOf`. */
  readonly servers: ReadonlyMap<string, readonly Server[]>
  readonly landscapes: readonly FoundLandscape[]
}

/** The upstreams and routes that the labels of one place describe. */
export interface FoundLandscape {
  /** The name of the source that has found them. */
  readonly source: string
  readonly upstreams: readonly { readonly upstream: Upstream; readonly where: string }[]
  readonly routes: readonly { readonly route: Route; readonly where: string }[]
}

export const NOTHING_FOUND: Found = { servers: new Map(), landscapes: [] }

/** Something that was found and has no effect, since it contradicts the rest. */
export interface Refused extends Mistake {
  /** The source that has found it. */
  readonly source: string
}

/** The file with what was found. */
export interface Merged {
  readonly config: Config
  readonly refused: readonly Refused[]
}

/** An entry `from` of an upstream's servers, under a name that tells it from others wherever it stands. */
export interface SourceEntry {
  readonly key: string
  readonly source: Source
}

export function entriesOf(upstream: Upstream): readonly SourceEntry[] {
  let entries = entriesMade.get(upstream.sources)
  if (entries === undefined) {
    entries = namedEntries(upstream)
    entriesMade.set(upstream.sources, entries)
  }
  return entries
}

const entriesMade = new WeakMap<Upstream['sources'], readonly SourceEntry[]>()

function namedEntries({ name, sources }: Upstream): SourceEntry[] {
  const seen = new Map<string, number>()
  return sources.map((source) => {
    const digest = createHash('sha256').update(JSON.stringify(source)).digest('base64url')
    const key = `${kindOf(name, source)}${digest}`
    const nth = (seen.get(key) ?? 0) + 1
    seen.set(key, nth)
    return { key: nth === 1 ? key : `${key} ${nth}`, source }
  })
}

/**
 * Under which name each entry of an upstream is known by now: its own, or that of the entry whose place it takes, another of its
 * kind that is no longer there. Undefined where it is new.
 */
export function knownAs({ name }: Upstream, entries: readonly SourceEntry[], known: Known): (string | undefined)[] {
  if (entries.every(({ key }) => known.has(key))) return entries.map(({ key }) => key)
  const free = new Set(known.keys())
  const own = new Set(entries.filter(({ key }) => free.delete(key)))
  return entries.map((entry) => {
    if (own.has(entry)) return entry.key
    const kind = kindOf(name, entry.source)
    const former = [...free].find((key) => key.startsWith(kind))
    if (former !== undefined) free.delete(former)
    return former
  })
}

type Known = Pick<ReadonlySet<string>, 'has' | 'keys'>

function kindOf(upstream: string, { from }: Source): string {
  return `${upstream}/${from} `
}

/**
 * Puts what was found into a file's configuration. The file comes first, then its sources in their order, then labels: what
 * repeats a name or another's route has no effect.
 */
export function mergedWith(file: Config, found: Found): Merged {
  const refused: Refused[] = []
  let room = MAX_SERVERS - file.upstreams.reduce((sum, { servers }) => sum + servers.length, 0)
  let isChanged = false
  const upstreams = file.upstreams.map((upstream) => {
    if (upstream.sources.length === 0) return upstream
    const merged = withServers(upstream, found, room)
    refused.push(...merged.refused)
    room -= merged.upstream.servers.length - upstream.servers.length
    isChanged ||= merged.upstream !== upstream
    return merged.upstream
  })
  const own = new Map(file.upstreams.map((upstream) => [upstream.name, upstream]))
  const cookies = new Map(file.upstreams.map((upstream) => [cookieOf(upstream), upstream.name]))
  const routes = [...file.routes]
  const taken = new RouteBook(file.routes)
  for (const { source, upstreams: others, routes: otherRoutes } of found.landscapes) {
    for (const { upstream, where } of others) {
      const present = own.get(upstream.name)
      const refusal =
        present === undefined
          ? (crowded(upstream, upstreams.length, room) ?? repeatedCookie(upstream, cookies))
          : present.sources.some(({ from }) => from === 'docker' || from === 'swarm')
            ? ''
            : `the configuration file has an upstream ${upstream.name}, which stays as it is`
      if (refusal !== undefined) {
        if (refusal !== '') refused.push({ source, where, message: refusal })
        continue
      }
      own.set(upstream.name, upstream)
      cookies.set(cookieOf(upstream), upstream.name)
      upstreams.push(upstream)
      room -= upstream.servers.length
      isChanged = true
    }
    for (const { route, where } of otherRoutes) {
      const { upstream } = route
      const [listener] = unknownListeners(route.listeners, file.listeners)
      const message =
        listener !== undefined
          ? `the configuration file has no listener ${listener}, so it has no effect`
          : upstream === undefined || own.has(upstream)
            ? taken.add(route)
            : `its upstream ${upstream} has no effect, so it has none either`
      if (message === undefined) routes.push(route)
      else refused.push({ source, where, message })
    }
  }
  const hasRoutes = routes.length > file.routes.length
  if (!isChanged && !hasRoutes) return { config: file, refused }
  return { config: { ...file, upstreams, routes: hasRoutes ? routes : file.routes }, refused }
}

function crowded({ name, servers }: Upstream, upstreams: number, room: number): string | undefined {
  if (upstreams >= MAX_UPSTREAMS) return `expected at most ${MAX_UPSTREAMS} upstreams, so ${name} is left out`
  return servers.length > room ? `expected at most ${MAX_SERVERS} servers in total, so ${name} is left out` : undefined
}

/** The name of its cookie; undefined if it has none. */
function cookieOf({ affinity }: Upstream): string | undefined {
  return affinity?.type === 'cookie' ? affinity.name : undefined
}

/** Where two upstreams serve the same host, each would overwrite the other's cookie. */
function repeatedCookie(upstream: Upstream, taken: ReadonlyMap<string | undefined, string>): string | undefined {
  const name = cookieOf(upstream)
  const other = taken.get(name)
  if (name === undefined || other === undefined) return undefined
  return `expected a unique cookie name, found ${JSON.stringify(name)}, which upstream ${other} has, so ${upstream.name} is left out`
}

interface MergedUpstream {
  readonly lists: readonly (readonly Server[])[]
  readonly upstream: Upstream
  readonly refused: readonly Refused[]
  /** Whether some servers had no room. */
  readonly isCrowded: boolean
}

const NONE: readonly Server[] = []

/** The last result for each upstream of the file. */
const made = new WeakMap<Upstream, MergedUpstream>()

function withServers(file: Upstream, { servers: found }: Found, room: number): MergedUpstream {
  const entries = entriesOf(file)
  const lists = knownAs(file, entries, found).map((key) => (key && found.get(key)) || NONE)
  const before = made.get(file)
  const isSame = before?.lists.every((list, index) => list === lists[index]) === true
  if (isSame && !before!.isCrowded && before!.upstream.servers.length - file.servers.length <= room) return before!
  const servers = [...file.servers]
  const refused: Refused[] = []
  let isCrowded = false
  const names = new Set(servers.map(({ name }) => name))
  const ids = new Set(servers.map(({ id }) => id))
  for (const [index, list] of lists.entries()) {
    const source = entries[index]!.key
    for (const server of list) {
      const { id, name } = server
      const where = `upstream ${file.name}: server ${name}`
      if (names.has(name) || ids.has(id)) {
        const what = names.has(name) ? `name, found ${name}` : `id, found ${id}`
        refused.push({ source, where, message: `expected a unique ${what} again` })
      } else if (servers.length - file.servers.length >= room) {
        isCrowded = true
        refused.push({ source, where, message: `expected at most ${MAX_SERVERS} servers in total` })
      } else {
        names.add(name)
        ids.add(id)
        servers.push(server)
      }
    }
  }
  const upstream = servers.length === file.servers.length ? file : { ...file, servers }
  const merged = { lists, upstream, refused, isCrowded }
  made.set(file, merged)
  return merged
}

/** Which routes there are, to find those that would match the same requests. */
class RouteBook {
  readonly #routes = new Map<string, Route[]>()

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.add(route)
  }

  /** Adds a route; or says why it cannot be told from one that is there. */
  add(route: Route): string | undefined {
    const places = placesOf(route).map(({ place }) => place)
    for (const place of places) {
      const other = this.#routes.get(place)?.find((each) => canMatchTogether(each, route))
      if (other !== undefined)
        return `expected a route that can be told from others, found one ${goalOf(route)} where one ${goalOf(other)} is already`
    }
    for (const place of places) {
      const routes = this.#routes.get(place)
      if (routes === undefined) this.#routes.set(place, [route])
      else routes.push(route)
    }
    return undefined
  }
}

function goalOf({ upstream }: Route): string {
  return upstream === undefined ? 'that its filters answer' : `to ${upstream}`
}
