import { withFolderRedirects } from '../config/folder-redirect.ts'
import { instanceOf } from '../config/instance.ts'
import type { Rebalance as ConfiguredRebalance } from '../config/rebalance.ts'
import type { Config, Server as ConfiguredServer, Upstream as ConfiguredUpstream } from '../config/schema.ts'
import { Skew } from '../config/skew.ts'
import type { Affinity, Balance, Rebalance, Route, Server, Snapshot, Upstream } from '../runtime/snapshot.ts'
import { asBytes, compileAffinity, impliedAffinity } from './compile-affinity.ts'
import type { SlotBook } from './slot-book.ts'

/**
 * Compiles the configuration to the Snapshot for the workers, without side effects.
 *
 * @param slots gives names their slots; new names get theirs once the Snapshot is adopted
 * @param secret gives the secret for cookies that have none of their own
 * @throws ConfigError if too few slots are free
 */
export function compile(config: Config, generation: number, slots: SlotBook, secret: () => string): Snapshot {
  const planned = slots.plan(config.upstreams)
  const instance = instanceOf(config)
  const upstreams = config.upstreams.map((upstream) => {
    const { slot, servers } = planned.get(upstream.name)!
    const affinity = upstream.affinity
      ? compileAffinity(upstream.affinity, instance, upstream.name, secret)
      : impliedAffinity(upstream.balance)
    const compiled = upstream.servers.map((server) => compileServer(server, servers.get(server.name)!))
    return compileUpstream(upstream, slot, affinity, compiled)
  })
  const indices = new Map(upstreams.map(({ name }, index) => [name, index]))
  return {
    generation,
    listeners: config.listeners,
    routes: config.routes.flatMap((route) => expand(route, indices.get(route.upstream)!)),
    upstreams,
    accessLog: { format: config.accessLog.format, redact: config.accessLog.redact ?? [] },
    timeouts: config.timeouts,
    limits: config.limits,
    trustedProxies: config.trustedProxies,
    clientAddressFrom: config.clientAddressFrom,
  }
}

function compileUpstream(
  { name, balance, skew, rebalance, timeouts, retries, keepAlive, health, proxyProtocol, queue }: ConfiguredUpstream,
  slot: number,
  affinity: Affinity | undefined,
  servers: readonly Server[],
): Upstream {
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
    ...(health !== undefined && { health }),
    ...(proxyProtocol !== undefined && { proxyProtocol }),
    queue,
  }
}

function compileServer(server: ConfiguredServer, slot: number): Server {
  return {
    name: server.name,
    address: server.address,
    endpoint: server.endpoint,
    slot,
    weight: server.weight,
    backup: server.backup,
    down: server.down,
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
function expand(route: Config['routes'][number], upstream: number): Route[] {
  const hosts = route.hosts.length === 0 ? [undefined] : route.hosts
  return hosts.flatMap((host) =>
    withFolderRedirects(route.paths).map(({ path, ...redirect }) => ({
      ...(host !== undefined && { host }),
      path: asBytes(path),
      ...redirect,
      ...(route.methods.length > 0 && { methods: route.methods }),
      ...(Object.keys(route.headers).length > 0 && { headers: route.headers }),
      upstream,
    })),
  )
}
