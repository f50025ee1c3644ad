import type { Server, SkewLimit, Upstream } from '../runtime/snapshot.ts'
import type { SampleReport, Sender } from './address-sample.ts'

/** How long requests count, in ms. */
const WINDOW = 60_000
/** A skew ends once its share is at most this part of the limit. */
const RELIEF = 0.8
/** An address that sends at least this part of its network's requests is named instead of the network. */
const MAIN_PART = 0.8
const LEAST_SHARE = 0.1

/** One address or network that sends too large a share of an upstream's requests. */
export interface Skew {
  /** `10.1.2.0/24`, `10.1.2.3`, `2001:db8:1:2::/64`. */
  readonly from: string
  /** Its share of the requests of the last minute, from 0 to 1. */
  readonly share: number
  /** The name of the server that all of them go to. */
  readonly server: string
}

/** A skew has begun or ended. */
export type SkewChange = SkewBegun | SkewOver

interface SkewBegun {
  readonly upstream: string
  readonly isOver: false
  readonly skew: Skew
}

interface SkewOver {
  readonly upstream: string
  readonly isOver: true
  readonly skew: Skew
  /**
   * `lower`: its share is lower. `quiet`: there are too few requests for it to matter. `moved`: its requests no longer
   * go to its server.
   */
  readonly cause: 'lower' | 'quiet' | 'moved'
}

/** The requests from one network or address. */
interface Tally {
  count: number
  /** The server that its requests are tied to; undefined for several servers, or none. */
  server: string | undefined
}

/**
 * Watches for addresses and networks that send more of an upstream's requests than one server should get: all of their
 * requests go to one server, and are more than its share. Times are in ms on any monotonic clock.
 */
export class SkewWatch {
  /** By upstream name. */
  #watched: ReadonlyMap<string, Watched> = new Map()

  constructor(upstreams: readonly Upstream[]) {
    this.apply(upstreams)
  }

  /**
   * Takes over another list of upstreams; samples of those that remain still count. Returns the skews that end by this.
   */
  apply(upstreams: readonly Upstream[]): SkewOver[] {
    const watched = new Map<string, Watched>()
    const ended: SkewOver[] = []
    for (const upstream of upstreams) {
      const { name, skew } = upstream
      if (skew === undefined) continue
      const one = this.#watched.get(name) ?? new Watched(upstream, skew)
      ended.push(...one.apply(upstream, skew))
      watched.set(name, one)
    }
    this.#watched = watched
    return ended
  }

  add(report: SampleReport, now: number): void {
    this.#watched.get(report.upstream)?.add(report, now)
  }

  /** The skews that have begun or ended since the last call. */
  judge(now: number): SkewChange[] {
    return [...this.#watched.values()].flatMap((watched) => watched.judge(now))
  }

  /** The current skews of the upstream of that name. */
  of(upstream: string): readonly Skew[] {
    return this.#watched.get(upstream)?.skews ?? []
  }
}

class Watched {
  #upstream: Upstream
  #limit: SkewLimit
  /** The servers that get requests, by name. */
  #servers: ReadonlyMap<string, Server>
  readonly #reports: { readonly at: number; readonly report: SampleReport }[] = []
  /** By network, or by address if its network's requests go to several servers. Each skew's server is in `#servers`. */
  readonly #skews = new Map<string, Skew>()

  constructor(upstream: Upstream, limit: SkewLimit) {
    this.#upstream = upstream
    this.#limit = limit
    this.#servers = usedServersOf(upstream)
  }

  /** Takes over other settings and servers. Returns the skews whose servers are gone. */
  apply(next: Upstream, limit: SkewLimit): SkewOver[] {
    if (next === this.#upstream) return []
    this.#upstream = next
    this.#limit = limit
    this.#servers = usedServersOf(next)
    return [...this.#skews.keys()].flatMap((key) =>
      this.#servers.has(this.#skews.get(key)!.server) ? [] : this.#end(key, 'moved'),
    )
  }

  get skews(): readonly Skew[] {
    return [...this.#skews.values()]
  }

  add(report: SampleReport, at: number): void {
    this.#reports.push({ at, report })
  }

  judge(now: number): SkewChange[] {
    while (this.#reports.length > 0 && now - this.#reports[0]!.at > WINDOW) this.#reports.shift()
    const total = this.#reports.reduce((sum, { report }) => sum + report.total, 0)
    const requests = this.#reports.reduce((sum, { report }) => sum + report.total * report.weight, 0)
    const networks = this.#merge('networks')
    const addresses = this.#merge('addresses')
    const tallyOf = (key: string) => networks.get(key) ?? addresses.get(key)
    const shareOf = (key: string) => (total === 0 ? 0 : (tallyOf(key)?.count ?? 0) / total)
    return [
      ...[...this.#skews.keys()].flatMap((key) => this.#continue(key, shareOf(key), tallyOf(key)?.server, requests)),
      ...(requests < this.#limit.minRequests ? [] : this.#begin(networks, addresses, shareOf)),
    ]
  }

  /** Lower bounds of the counts: the possible error is subtracted. */
  #merge(kind: 'networks' | 'addresses'): Map<string, Tally> {
    const tallies = new Map<string, Tally>()
    const take = ({ key, count, error, server }: Sender) => {
      const tally = tallies.get(key)
      if (tally === undefined) tallies.set(key, { count: count - error, server })
      else {
        tally.count += count - error
        if (tally.server !== server) tally.server = undefined
      }
    }
    for (const { report } of this.#reports) for (const sender of report[kind]) take(sender)
    return tallies
  }

  /** @param now the server that all its requests go to now; undefined for several, or if not known */
  #continue(key: string, share: number, now: string | undefined, requests: number): SkewOver[] {
    const skew = { ...this.#skews.get(key)!, share }
    this.#skews.set(key, skew)
    if (now !== undefined && now !== skew.server) return [this.#end(key, 'moved')]
    if (share <= this.#limitOf(this.#servers.get(skew.server)!) * RELIEF) return [this.#end(key, 'lower')]
    return requests < this.#limit.minRequests * RELIEF ? [this.#end(key, 'quiet')] : []
  }

  #end(key: string, cause: SkewOver['cause']): SkewOver {
    const skew = this.#skews.get(key)!
    this.#skews.delete(key)
    return { upstream: this.#upstream.name, skew, isOver: true, cause }
  }

  #begin(
    networks: ReadonlyMap<string, Tally>,
    addresses: ReadonlyMap<string, Tally>,
    shareOf: (key: string) => number,
  ): SkewChange[] {
    const changes: SkewChange[] = []
    for (const [key, { server: name }] of [...networks, ...addresses]) {
      const [network, address] = key.split(' ') as [string, string | undefined]
      // If all requests of its network go to one server, an address counts with the network.
      if (address !== undefined && !isSpread(networks.get(network))) continue
      // Undefined for no server, several, or one that was removed.
      const server = name === undefined ? undefined : this.#servers.get(name)
      const share = shareOf(key)
      if (server === undefined || this.#skews.has(key) || share <= this.#limitOf(server)) continue
      const skew = { from: address ?? narrowed(network, addresses, networks), share, server: server.name }
      this.#skews.set(key, skew)
      changes.push({ upstream: this.#upstream.name, skew, isOver: false })
    }
    return changes
  }

  /** The largest share that is not a skew, for requests to that server. */
  #limitOf(server: Server): number {
    if (this.#limit.share !== undefined) return this.#limit.share
    const weights = Array.from(this.#servers.values()).reduce((sum, { weight }) => sum + weight, 0)
    return Math.max(LEAST_SHARE, server.weight / weights)
  }
}

/** Whether requests of that network are tied to several servers. */
function isSpread(network: Tally | undefined): boolean {
  return network !== undefined && network.server === undefined
}

/** The servers that get a share of the requests: backups and disabled servers do not. */
function usedServersOf({ servers }: Upstream): ReadonlyMap<string, Server> {
  const used = servers.filter(({ backup, down }) => !backup && !down)
  return new Map(used.map((server) => [server.name, server]))
}

/** The address that sends most of a network's requests; the network itself if there is none. */
function narrowed(
  network: string,
  addresses: ReadonlyMap<string, Tally>,
  networks: ReadonlyMap<string, Tally>,
): string {
  const enough = networks.get(network)!.count * MAIN_PART
  for (const [key, { count }] of addresses) {
    if (key.startsWith(`${network} `) && count >= enough) return key.slice(network.length + 1)
  }
  return network
}

/** The log line for the start of a skew. */
export function describeSkew({ from, share, server }: Skew): string {
  const guess = from.includes('/') ? 'a NAT or a CDN?' : 'a NAT, or a proxy?'
  return (
    `${percent(share)} of the requests come from ${from} (${guess}), and all of them go to server ${server}; ` +
    'give the upstream affinity: cookie, or trustedProxies if that is your own proxy'
  )
}

/** The log line for the end of a skew. */
export function describeRelief({ skew: { from, share, server }, cause }: SkewOver): string {
  switch (cause) {
    case 'lower':
      return `${from} no longer carries more than its share of the requests (${percent(share)})`
    case 'quiet':
      return `too few requests come to say that ${from} carries more than its share of them`
    case 'moved':
      return `the requests from ${from} no longer go to server ${server}`
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
