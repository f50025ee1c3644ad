import { withFolderRedirects } from '../config/folder-redirect.ts'
import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import { Skew } from '../config/skew.ts'
import { assertWithin, MAX_SERVERS, MAX_UPSTREAMS } from '../runtime/bounds.ts'
import type { Affinity, Balance, Route, Snapshot } from '../runtime/snapshot.ts'
import { asBytes, compileAffinity, impliedAffinity } from './compile-affinity.ts'

/**
 * Makes the Snapshot that workers serve by, out of what the operator wrote.
 *
 * @param secret gives what cookies are signed with that have no secret of their own
 */
export function compile(config: Config, generation: number, secret: () => string): Snapshot {
  let serverSlot = 0
  const instance = instanceOf(config)
  const upstreams = config.upstreams.map(({ servers, affinity: configured, skew: written, ...upstream }, slot) => {
    const affinity = configured
      ? compileAffinity(configured, instance, upstream.name, secret)
      : impliedAffinity(upstream.balance)
    const skew = servers.length > 1 && isByAddress(affinity ?? upstream.balance) ? skewLimit(written) : undefined
    return {
      ...upstream,
      ...(affinity !== undefined && { affinity }),
      ...(skew !== undefined && { skew }),
      slot,
      servers: servers.map((server) => ({ ...server, slot: serverSlot++ })),
    }
  })
  assertWithin(upstreams.length, MAX_UPSTREAMS, 'upstreams')
  assertWithin(serverSlot, MAX_SERVERS, 'servers')
  return {
    generation,
    listeners: config.listeners,
    routes: config.routes.flatMap((route) => expand(route, upstreams)),
    upstreams,
    accessLog: { format: config.accessLog.format, redact: config.accessLog.redact ?? [] },
    timeouts: config.timeouts,
    limits: config.limits,
    trustedProxies: config.trustedProxies,
    clientAddressFrom: config.clientAddressFrom,
  }
}

/** Whether the client's address alone says where requests go. */
function isByAddress(tie: Affinity | Balance): boolean {
  return tie.type === 'ip-hash' || ('key' in tie && tie.key.from === 'address')
}

function skewLimit({ share, minRequests }: NonNullable<Config['upstreams'][number]['skew']> = Skew.parse({})) {
  return { ...(share !== undefined && { share: share / 100 }), minRequests }
}

/** One route for each of the hosts and paths that a configured route lists, and one for each redirect to a folder. */
function expand(route: Config['routes'][number], upstreams: Snapshot['upstreams']): Route[] {
  const hosts = route.hosts.length === 0 ? [undefined] : route.hosts
  return hosts.flatMap((host) =>
    withFolderRedirects(route.paths).map(({ path, ...redirect }) => ({
      ...(host !== undefined && { host }),
      path: asBytes(path),
      ...redirect,
      ...(route.methods.length > 0 && { methods: route.methods }),
      ...(Object.keys(route.headers).length > 0 && { headers: route.headers }),
      upstream: upstreams.findIndex((upstream) => upstream.name === route.upstream),
    })),
  )
}
