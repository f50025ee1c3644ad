import type { Server, Upstream } from '../../../src/admin/answers.ts'
import type { Traffic } from '../../../src/admin/traffic.ts'
import { type Standing, standingOf, takesNewUsers } from '../../state/server-standing.ts'

type UpstreamTraffic = Traffic['upstreams'][number]
type ServerTraffic = UpstreamTraffic['servers'][number]
type Tone = Standing['tone']

/** Routes, upstreams and servers, from left to right, and what flows between them. */
export interface FlowGraph {
  readonly columns: readonly [routes: readonly FlowNode[], upstreams: readonly FlowNode[], servers: readonly FlowNode[]]
  readonly links: readonly FlowLink[]
}

export interface FlowNode extends Load {
  readonly id: string
  readonly kind: 'route' | 'upstream' | 'server'
  readonly label: string
  readonly tone: Tone
  /** Its state in words; empty where there is nothing to say. */
  readonly words: string
  /** The upstream that it belongs to, or is; undefined where it stands for several. */
  readonly upstream: string | undefined
  /** Undefined unless it is one server. */
  readonly server: Server | undefined
  /** The time of its requests, in ms: a mean, or p50; null where none was measured, undefined where none is known. */
  readonly latency?: number | null
}

export interface FlowLink extends Load {
  readonly id: string
  readonly from: FlowNode
  readonly to: FlowNode
}

/** A second. */
interface Load {
  readonly requests: number
  readonly errors: number
}

/** How many nodes a column may have; the others are gathered in one. */
export interface Room {
  readonly routes: number
  readonly upstreams: number
  readonly servers: number
}

export function graphOf(all: readonly Upstream[], traffic: Traffic | undefined, room: Room): FlowGraph {
  const loads = new Map(traffic?.upstreams.map((load) => [load.name, load]))
  const most = all.length <= room.upstreams ? all.length : room.upstreams - 1
  const shown = keep(all, most, (upstream) => importanceOfUpstream(upstream, loads.get(upstream.name)))
  const nodes = new Map(shown.map((upstream) => [upstream.name, upstreamNode(upstream, loads.get(upstream.name))]))
  const links: FlowLink[] = []
  const servers = [...serversOf(shown, loads, nodes, room.servers, links)]
  const hidden = all.filter(({ name }) => !nodes.has(name))
  const upstreams = [...nodes.values()]
  if (hidden.length > 0) {
    const rest = gathered(
      'upstream',
      `${hidden.length} other upstreams`,
      hidden.flatMap(({ name }) => loads.get(name) ?? []),
    )
    for (const { name } of hidden) nodes.set(name, rest)
    upstreams.push(rest)
    const count = hidden.reduce((sum, upstream) => sum + upstream.servers.length, 0)
    const theirs = { ...rest, id: 'servers of others', kind: 'server' as const, label: `their ${count} servers` }
    servers.push(theirs)
    links.push(link(rest, theirs))
  }
  const routes = routesTo(nodes, upstreams, traffic, room.routes, links)
  return { columns: [routes, upstreams, servers], links }
}

function upstreamNode({ name, servers }: Upstream, load: UpstreamTraffic | undefined): FlowNode {
  const ready = servers.filter(takesNewUsers).length
  return {
    id: `upstream ${name}`,
    kind: 'upstream',
    label: name,
    requests: load?.requests ?? 0,
    errors: load?.errors ?? 0,
    tone: ready === 0 ? 'bad' : 'plain',
    words: `${ready} of ${servers.length} servers ready`,
    upstream: name,
    server: undefined,
    latency: load?.p50 ?? null,
  }
}

/** The servers in trouble and the busiest ones; of each upstream, the others in one node. */
function* serversOf(
  upstreams: readonly Upstream[],
  loads: ReadonlyMap<string, UpstreamTraffic>,
  nodes: ReadonlyMap<string, FlowNode>,
  room: number,
  links: FlowLink[],
): Iterable<FlowNode> {
  const all = upstreams.flatMap(({ name, servers }) => {
    const byName = new Map(loads.get(name)?.servers.map((load) => [load.name, load]))
    return servers.map((server) => ({ upstream: name, server, load: byName.get(server.name) }))
  })
  // Each upstream may need one more for those that are gathered.
  const left = all.length <= room ? all.length : Math.max(0, room - upstreams.length)
  const shown = new Set(keep(all, left, ({ server, load }) => importanceOfServer(server, load)))
  for (const { name } of upstreams) {
    const own = all.filter(({ upstream }) => upstream === name)
    const from = nodes.get(name)!
    for (const one of own) {
      if (!shown.has(one)) continue
      const node = serverNode(name, one.server, one.load)
      links.push(link(from, node))
      yield node
    }
    const hidden = own.filter((one) => !shown.has(one))
    if (hidden.length === 0) continue
    const theirs = hidden.flatMap(({ load }) => load ?? [])
    const words = own.length === hidden.length ? `${hidden.length} servers` : `${hidden.length} other servers`
    const rest = { ...gathered('server', words, theirs), id: `others of ${name}`, upstream: name }
    links.push(link(from, rest))
    yield rest
  }
}

function serverNode(upstream: string, server: Server, load: ServerTraffic | undefined): FlowNode {
  const { tone, word, because } = standingOf(server)
  return {
    id: `server ${upstream}/${server.id}`,
    kind: 'server',
    label: server.name,
    requests: load?.requests ?? 0,
    errors: load?.errors ?? 0,
    tone,
    words: because === undefined ? word : `${word}: ${because}`,
    upstream,
    server,
    latency: load?.latency ?? null,
  }
}

function routesTo(
  nodes: ReadonlyMap<string, FlowNode>,
  upstreams: FlowNode[],
  traffic: Traffic | undefined,
  room: number,
  links: FlowLink[],
): readonly FlowNode[] {
  const known = traffic?.routes.filter(({ upstream }) => nodes.has(upstream)) ?? []
  // They come with the busiest first.
  const shown = known.slice(0, known.length <= room ? room : room - 1)
  const placeOf = ({ upstream }: (typeof shown)[number]) => upstreams.indexOf(nodes.get(upstream)!)
  const routes = shown
    .toSorted((one, other) => placeOf(one) - placeOf(other) || (one.route < other.route ? -1 : 1))
    .map(({ route, upstream, requests, errors }): FlowNode => {
      const node: FlowNode = {
        id: `route ${route} ${upstream}`,
        kind: 'route',
        label: route,
        requests,
        errors,
        tone: 'plain',
        words: '',
        upstream,
        server: undefined,
      }
      links.push(link(node, nodes.get(upstream)!, node))
      return node
    })
  const hidden = known.slice(shown.length)
  if (hidden.length === 0) return routes
  const rest = gathered('route', `${hidden.length} other routes`, hidden)
  for (const to of upstreams) {
    const theirs = hidden.filter(({ upstream }) => nodes.get(upstream) === to)
    if (theirs.length > 0) links.push(link(rest, to, sumOf(theirs)))
  }
  return [...routes, rest]
}

/** One node in place of several. */
function gathered(kind: FlowNode['kind'], label: string, loads: readonly Load[]): FlowNode {
  return {
    id: `other ${kind}s`,
    kind,
    label,
    ...sumOf(loads),
    tone: 'plain',
    words: '',
    upstream: undefined,
    server: undefined,
  }
}

function sumOf(loads: readonly Load[]): Load {
  return {
    requests: loads.reduce((sum, { requests }) => sum + requests, 0),
    errors: loads.reduce((sum, { errors }) => sum + errors, 0),
  }
}

function link(from: FlowNode, to: FlowNode, { requests, errors }: Load = to): FlowLink {
  return { id: `${from.id} → ${to.id}`, from, to, requests, errors }
}

/** The most important ones, in the order in which they came. */
function keep<Item>(items: readonly Item[], most: number, importanceOf: (item: Item) => number): readonly Item[] {
  if (items.length <= most) return items
  const best = items.toSorted((one, other) => importanceOf(other) - importanceOf(one)).slice(0, most)
  const kept = new Set(best)
  return items.filter((item) => kept.has(item))
}

/** More than any number of requests. */
const TROUBLE = 1e12

function importanceOfServer(server: Server, load: ServerTraffic | undefined): number {
  const { kind } = standingOf(server)
  const isInTrouble = kind === 'down' || kind === 'draining'
  // Not of the last second alone, so that a server does not come and go.
  return (isInTrouble ? TROUBLE : 0) + (load?.recent.reduce((sum, requests) => sum + requests, 0) ?? 0)
}

function importanceOfUpstream({ servers }: Upstream, load: UpstreamTraffic | undefined): number {
  return Math.max(0, ...servers.map((server) => importanceOfServer(server, undefined))) + (load?.requests ?? 0)
}
