import { dashboardCookieOf } from '../admin/dashboard/cookie.ts'
import type { Filter } from '../config/filter.ts'
import { tokenParametersOf } from '../config/filters/credentials.ts'
import { instanceOf } from '../config/instance.ts'
import type { Rebalance as ConfiguredRebalance } from '../config/rebalance.ts'
import type { Config } from '../config/schema.ts'
import type { Server as ConfiguredServer } from '../config/server.ts'
import { Skew } from '../config/skew.ts'
import { withStandardRedirect } from '../config/standard-redirect.ts'
import type { Upstream as ConfiguredUpstream } from '../config/upstream.ts'
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
import { compileAffinity, impliedAffinity } from './compile-affinity.ts'
import { compileFilter, isPerRoute } from './compile-filter.ts'
import { compileLog } from './compile-log.ts'
import { compileRoute, nameForRoutes } from './compile-route.ts'
import { compileListener, compileServerProtocol } from './compile-tls.ts'
import { type HostAddresses, NO_ADDRESSES, namesIn } from './names/host-addresses.ts'
import { SharedCookies } from './shared-cookies.ts'
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
  const cookies = new SharedCookies(config.upstreams)
  const upstreams = config.upstreams.map((upstream) => {
    const { configured, compiled } = compiledBefore.get(upstream.name) ?? {}
    const hasSameAddresses = hosts === before?.hosts || namesIn(upstream).size === 0
    const isCookieShared = cookies.sharingWith(upstream).length > 0 || isShared(compiled?.affinity)
    // Its files, or another upstream, may say something else.
    if (configured === upstream && upstream.tls === undefined && hasSameAddresses && !isCookieShared) return compiled!
    const { slot, servers } = planned.get(upstream.name)!
    const affinity = compileAffinityOf(upstream, cookies, instance, secret)
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
    listeners: withStandardRedirect(config).listeners.map((listener) => {
      return compileListener(listener, material, nameForRoutes(listener, config.routes))
    }),
    routes:
      before !== undefined && hasSameRoutes(config, before.config)
        ? before.snapshot.routes
        : slots.routes.plan(routesOf(config)),
    upstreams,
    ...(config.tracing !== undefined && { tracing: compileTracing(config.tracing) }),
    accessLog: compileAccessLog(config.accessLog, tokenParametersOf(config)),
    timeouts: config.timeouts,
    limits: config.limits,
    trustedProxies: config.trustedProxies,
    clientAddressFrom: config.clientAddressFrom,
    ...(material.ticketKey !== undefined && { certificates: material.certificates, ticketKey: material.ticketKey }),
    ...(material.passwordFiles.length > 0 && { passwordFiles: material.passwordFiles }),
    ...(material.keySets.length > 0 && { keySets: material.keySets }),
    ...(material.pages.length > 0 && { pages: material.pages }),
    ...(material.switches.size > 0 && { switches: switchesOn(material) }),
    ...(hasPort(config.admin) && { dashboardCookie: dashboardCookieOf(instance) }),
  }
}

function switchesOn({ switches }: TlsMaterial): readonly string[] {
  return [...switches].flatMap(([file, isThere]) => (isThere ? file : []))
}

/** Undefined if nothing ties sessions to the upstream's servers. */
function compileAffinityOf(
  upstream: ConfiguredUpstream,
  cookies: SharedCookies,
  instance: string,
  secret: () => string,
): Affinity | undefined {
  const issuer = upstream.affinity?.type === 'shared-cookie' ? cookies.issuerOf(upstream) : upstream
  const written = issuer?.affinity
  if (issuer === undefined || written === undefined || written.type === 'shared-cookie')
    return impliedAffinity(upstream.balance)
  const affinity = compileAffinity(written, instance, issuer.name, secret, upstream.drain.ask)
  const sharedWith = cookies.sharingWith(upstream)
  if (affinity.type !== 'cookie' || sharedWith.length === 0) return affinity
  return { ...affinity, ...(issuer !== upstream && { of: issuer.name }), sharedWith }
}

function isShared(affinity: Affinity | undefined): boolean {
  return affinity?.type === 'cookie' && affinity.sharedWith !== undefined
}

function compileTracing({ sample, trust }: NonNullable<Config['tracing']>): Tracing {
  return { sample: sample / 100, trust }
}

function hasPort(admin: Config['admin']): boolean {
  return admin !== undefined && admin !== 'off' && 'port' in admin
}

/** Whether both have the same routes, to upstreams in the same order, by the same listeners, of an instance of the same name. */
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
  const { routes, defaults: { filters: ofEach = [] } = {}, listeners } = config
  const instance = instanceOf(config)
  const upstreams = new Map(config.upstreams.map(({ name }, index) => [name, index]))
  const ofAll = ofEach.map((filter, index) =>
    compileFilter(filter, placeOf(ofEach, index), { instance, upstreams, own: undefined }),
  )
  return routes.flatMap((route) => {
    const where = conditionsInText(route)
    const log = compileLog([...ofEach, ...route.filters])
    const surroundings = { instance, upstreams, own: route.upstream }
    const filters = [
      ...ofEach.map((filter, index) =>
        isPerRoute(filter) ? compileFilter(filter, `${placeOf(ofEach, index)} ${where}`, surroundings) : ofAll[index],
      ),
      ...route.filters.map((filter, index) =>
        compileFilter(filter, `${where} ${placeOf(route.filters, index)}`, surroundings),
      ),
    ].filter((filter) => filter !== undefined)
    return compileRoute(
      route,
      listeners,
      { ...(filters.length > 0 && { filters }), ...(log !== undefined && { log }) },
      route.upstream === undefined ? -1 : upstreams.get(route.upstream)!,
    )
  })
}

/** What tells a route from all others. */
function conditionsInText(route: Config['routes'][number]): string {
  const { hosts, paths, methods, headers, query, cookies, listeners, clientCertificate, priority } = route
  return JSON.stringify([hosts, paths, methods, headers, query, cookies, listeners, clientCertificate, priority])
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
    ...(server.incarnation !== undefined && { incarnation: server.incarnation }),
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

/** @param tokens parameters of queries that hold tokens: nobody may see their values, whatever the operator redacts */
function compileAccessLog({ format, redact = [], fields }: Config['accessLog'], tokens: readonly string[]): AccessLog {
  return { format, redact: [...new Set([...redact, ...tokens])], ...(fields !== undefined && { fields }) }
}
