import { dashboardCookieOf } from '../admin/dashboard/cookie.ts'
import type { Filter } from '../config/filter.ts'
import { withFolderRedirects } from '../config/folder-redirect.ts'
import { instanceOf } from '../config/instance.ts'
import type { Rebalance as ConfiguredRebalance } from '../config/rebalance.ts'
import type { Config } from '../config/schema.ts'
import type { Server as ConfiguredServer } from '../config/server.ts'
import { Skew } from '../config/skew.ts'
import { withStandardRedirect } from '../config/standard-redirect.ts'
import type { Upstream as ConfiguredUpstream } from '../config/upstream.ts'
import type { FilterSettings } from '../runtime/filter-settings.ts'
import type {
  AccessLog,
  Affinity,
  Balance,
  Rebalance,
  Route,
  Server,
  Snapshot,
  Tracing,
  Upstream,
} from '../runtime/snapshot.ts'
import { asBytes, compileAffinity, impliedAffinity } from './compile-affinity.ts'
import { compileFilter, isPerRoute } from './compile-filter.ts'
import { compileListener, compileServerProtocol } from './compile-tls.ts'
import { type HostAddresses, NO_ADDRESSES, namesIn } from './names/host-addresses.ts'
import type { SlotBook } from './slots/slot-book.ts'
import { NO_MATERIAL, type TlsMaterial } from './tls/tls-material.ts'

/** What was compiled before. */
interface Compiled {
  readonly config: Config
  readonly snapshot: Snapshot
  readonly hosts: HostAddresses
}

/**
 * Compiles the configuration to the Snapshot for the workers, without side effects.
 *
 * @param slots gives names their slots; new names get theirs once the Snapshot is adopted
 * @param secret gives the secret for cookies that have none of their own
 * @param material certificates and keys
 * @param hosts the addresses of servers that are given by name: one whose name has none yet is away
 * @param before parts of the configuration that are the same object as before are not compiled again
 * @throws ConfigError if too few slots are free
 */
export function compile(
  config: Config,
  generation: number,
  slots: SlotBook,
  secret: () => string,
  material: TlsMaterial = NO_MATERIAL,
  hosts: HostAddresses = NO_ADDRESSES,
  before?: Compiled,
): Snapshot {
  const planned = slots.plan(config.upstreams)
  const instance = instanceOf(config)
  const compiledBefore = new Map(
    before?.config.upstreams.map((configured, index) => {
      return [configured.name, { configured, compiled: before.snapshot.upstreams[index]! }]
    }),
  )
  const upstreams = config.upstreams.map((upstream) => {
    const { configured, compiled } = compiledBefore.get(upstream.name) ?? {}
    const hasSameAddresses = hosts === before?.hosts || namesIn(upstream).size === 0
    // Its files may hold something else.
    if (configured === upstream && upstream.tls === undefined && hasSameAddresses) return compiled!
    const { slot, servers } = planned.get(upstream.name)!
    const affinity = upstream.affinity
      ? compileAffinity(upstream.affinity, instance, upstream.name, secret, upstream.drain.ask)
      : impliedAffinity(upstream.balance)
    return compileUpstream(
      upstream,
      slot,
      affinity,
      material,
      compileServers(
        upstream.servers,
        (server) => compileServer(server, servers.get(server.id)!, hosts),
        hasSameAddresses ? configured?.servers : [],
        compiled?.servers,
      ),
    )
  })
  return {
    generation,
    listeners: withStandardRedirect(config).listeners.map((listener) => compileListener(listener, material)),
    routes:
      before !== undefined && hasSameRoutes(config, before.config)
        ? before.snapshot.routes
        : slots.routes.plan(routesOf(config)),
    upstreams,
    ...(config.tracing !== undefined && { tracing: compileTracing(config.tracing) }),
    accessLog: compileAccessLog(config.accessLog),
    timeouts: config.timeouts,
    limits: config.limits,
    trustedProxies: config.trustedProxies,
    clientAddressFrom: config.clientAddressFrom,
    ...(material.ticketKey !== undefined && { certificates: material.certificates, ticketKey: material.ticketKey }),
    ...(hasPort(config.admin) && { dashboardCookie: dashboardCookieOf(instance) }),
  }
}

function compileTracing({ sample, trust }: NonNullable<Config['tracing']>): Tracing {
  return { sample: sample / 100, trust }
}

function hasPort(admin: Config['admin']): boolean {
  return admin !== undefined && admin !== 'off' && 'port' in admin
}

/** Whether both have the same routes, to upstreams in the same order, of an instance of the same name. */
function hasSameRoutes(config: Config, before: Config): boolean {
  return (
    config.routes === before.routes &&
    config.listeners === before.listeners &&
    config.instance === before.instance &&
    config.defaults === before.defaults &&
    config.upstreams.length === before.upstreams.length &&
    config.upstreams.every(({ name }, index) => name === before.upstreams[index]!.name)
  )
}

function routesOf(config: Config): Route[] {
  const { routes, defaults: { filters: ofEach = [] } = {} } = config
  const instance = instanceOf(config)
  const upstreams = new Map(config.upstreams.map(({ name }, index) => [name, index]))
  const ofAll = ofEach.map((filter, index) =>
    compileFilter(filter, placeOf(ofEach, index), { instance, upstreams, own: undefined }),
  )
  return routes.flatMap((route) => {
    const where = JSON.stringify([route.hosts, route.paths, route.methods, route.headers])
    const surroundings = { instance, upstreams, own: route.upstream }
    const filters = [
      ...ofEach.map((filter, index) =>
        isPerRoute(filter) ? compileFilter(filter, `${placeOf(ofEach, index)} ${where}`, surroundings) : ofAll[index]!,
      ),
      ...route.filters.map((filter, index) =>
        compileFilter(filter, `${where} ${placeOf(route.filters, index)}`, surroundings),
      ),
    ]
    return expand(route, filters, route.upstream === undefined ? -1 : upstreams.get(route.upstream)!)
  })
}

/** A filter of a list by its type and its number among those: others may come and go. */
function placeOf(filters: readonly Filter[], index: number): string {
  const { type } = filters[index]!
  return `${type} ${filters.slice(0, index).filter((filter) => filter.type === type).length}`
}

function compileUpstream(
  upstream: ConfiguredUpstream,
  slot: number,
  affinity: Affinity | undefined,
  material: TlsMaterial,
  servers: readonly Server[],
): Upstream {
  const { name, balance, skew, rebalance, timeouts, retries, keepAlive, health, proxyProtocol, queue, drain, pause } =
    upstream
  const isWatched = servers.length > 1 && isByAddress(affinity ?? balance)
  return {
    name,
    slot,
    balance,
    ...(affinity !== undefined && { affinity }),
    ...(isWatched && { skew: skewLimit(skew) }),
    ...(rebalance !== undefined && affinity !== undefined && { rebalance: compileRebalance(rebalance, affinity) }),
    servers,
    timeouts,
    retries,
    keepAlive,
    ...compileServerProtocol(upstream, material),
    ...(health !== undefined && { health }),
    ...(proxyProtocol !== undefined && { proxyProtocol }),
    queue,
    ...(drain.headers && { controlHeaders: true }),
    ...(pause !== undefined && { pause }),
  }
}

/**
 * There may be thousands, of which one has changed, has come or is gone: those around it are not compiled again.
 *
 * @param before the servers as they were, and what they were compiled to
 */
function compileServers(
  servers: readonly ConfiguredServer[],
  compile: (server: ConfiguredServer) => Server,
  before: readonly ConfiguredServer[] = [],
  compiled: readonly Server[] = [],
): Server[] {
  const shift = before.length - servers.length
  return servers.map((server, index) => {
    if (before[index] === server) return compiled[index]!
    return before[index + shift] === server ? compiled[index + shift]! : compile(server)
  })
}

function compileServer(server: ConfiguredServer, slot: number, hosts: HostAddresses): Server {
  const addresses = 'host' in server.endpoint ? hosts.get(server.endpoint.host) : undefined
  return {
    id: server.id,
    name: server.name,
    address: server.address,
    endpoint: addresses === undefined ? server.endpoint : { ...server.endpoint, addresses },
    slot,
    weight: server.weight,
    backup: server.backup,
    down: server.down,
    ...((server.away === true || addresses?.length === 0) && { away: true }),
    ...(server.returns === true && { returns: true }),
    ...(server.ending === true && { ending: true }),
    drain: server.drain,
    ownSessions: server.ownSessions ?? 'keep',
    maxFails: server.maxFails,
    failTimeout: server.failTimeout,
    maxConnections: server.maxConnections,
    slowStart: server.slowStart,
  }
}

/** A session that has been unseen for this part of its idle limit counts as idle. */
const IDLE_PART = 1 / 10
/** The same where sessions have no idle limit, in ms. */
const IDLE_WITHOUT_LIMIT = 360_000

function compileRebalance({ rate, only }: ConfiguredRebalance, { idle }: Affinity): Rebalance {
  const idleAfter = Math.ceil((idle === 0 ? IDLE_WITHOUT_LIMIT : idle * IDLE_PART) / 1000)
  return { perHour: rate / 100, unseenFor: only === 'idle' ? idleAfter : 0 }
}

/** Whether the client's address alone decides where requests go. */
function isByAddress(tie: Affinity | Balance): boolean {
  return tie.type === 'ip-hash' || ('key' in tie && tie.key.from === 'address')
}

function skewLimit({ share, minRequests }: NonNullable<Config['upstreams'][number]['skew']> = Skew.parse({})) {
  return { ...(share !== undefined && { share: share / 100 }), minRequests }
}

/** One route for each host and path of a configured route, and one for each redirect to a folder. */
function expand(route: Config['routes'][number], filters: readonly FilterSettings[], upstream: number): Route[] {
  const hosts = route.hosts.length === 0 ? [undefined] : route.hosts
  return hosts.flatMap((host) =>
    withFolderRedirects(route.paths).map(({ path, ...redirect }) => ({
      ...(host !== undefined && { host }),
      path: asBytes(path),
      ...redirect,
      ...(route.methods.length > 0 && { methods: route.methods }),
      ...(Object.keys(route.headers).length > 0 && { headers: route.headers }),
      ...(filters.length > 0 && { filters }),
      upstream,
    })),
  )
}

function compileAccessLog({ format, redact = [], fields }: Config['accessLog']): AccessLog {
  return { format, redact, ...(fields !== undefined && { fields }) }
}
