import type { Server, Upstream } from '../../../src/admin/answers.ts'
import type { Traffic } from '../../../src/admin/traffic.ts'
import { type Standing, standingOf, takesNewUsers } from '../../state/server-standing.ts'

export type UpstreamTraffic = Traffic['upstreams'][number]
export type ServerTraffic = UpstreamTraffic['servers'][number]

/** A server as a row shows it. */
export interface ServerRow {
  readonly upstream: string
  readonly server: Server
  readonly standing: Standing
  /** Undefined until the traffic is known, and beyond the servers that the API shows. */
  readonly load: ServerTraffic | undefined
  /** Its part of the upstream's requests in the last half minute; null where there were none. */
  readonly share: number | null
  /** The part of new users that the weights ask for. */
  readonly asked: number
  /** The greatest of these two among all of the upstream. */
  readonly greatest: number
}

/** How many of the last steps the share of traffic is taken from: half a minute. */
const SHARE_STEPS = 10

export function rowsOf({ name, servers }: Upstream, traffic: UpstreamTraffic | undefined): readonly ServerRow[] {
  const loads = new Map(traffic?.servers.map((load) => [load.name, load]))
  const lately = new Map(servers.map((server) => [server, requestsLately(loads.get(server.name))]))
  const all = sumOf(lately.values())
  const asked = askedShares(servers)
  const most = Math.max(...lately.values())
  const greatest = Math.max(0, all === 0 ? 0 : most / all, ...asked.values())
  return servers.map((server) => ({
    upstream: name,
    server,
    standing: standingOf(server),
    load: loads.get(server.name),
    share: all === 0 ? null : lately.get(server)! / all,
    asked: asked.get(server) ?? 0,
    greatest,
  }))
}

/** Backups are asked only where no other server may serve. */
function askedShares(servers: readonly Server[]): ReadonlyMap<Server, number> {
  const ready = servers.filter(takesNewUsers)
  const first = ready.filter(({ backup }) => !backup)
  const asked = first.length > 0 ? first : ready
  const all = sumOf(asked.map(({ weight }) => weight))
  return new Map(asked.map((server) => [server, server.weight / all]))
}

function requestsLately(load: ServerTraffic | undefined): number {
  if (load === undefined) return 0
  const steps = load.recent.slice(-SHARE_STEPS)
  // The step that has not ended yet is not among them: without it, the first seconds would show nothing.
  return sumOf(steps) + load.requests
}

function sumOf(values: Iterable<number>): number {
  let sum = 0
  for (const value of values) sum += value
  return sum
}
