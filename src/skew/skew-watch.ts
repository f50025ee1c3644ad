import type { Server, SkewLimit, Upstream } from '../runtime/snapshot.ts'
import type { SampleReport, Sender } from './address-sample.ts'

/** Requests count for so long, in ms. */
const WINDOW = 60_000
/** What carries too much is over it until it carries so much less. */
const RELIEF = 0.8
/** Of a network's requests, an address that sends so many is named in its place. */
const MAIN_PART = 0.8
const LEAST_SHARE = 0.1

/** One address or network that carries too much of an upstream. */
export interface Skew {
  /** `10.1.2.0/24`, `10.1.2.3`, `2001:db8:1:2::/64`. */
  readonly from: string
  /** Its share of the requests of the last minute, from 0 to 1. */
  readonly share: number
  /** The name of the server that all of them go to. */
  readonly server: string
}

/** A skew has begun, or is over. */
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
   * Its share is lower; or it is what it was, but so few requests come that it does not matter; or its requests no longer go
   * to its server.
   */
  readonly cause: 'lower' | 'quiet' | 'moved'
}

/** What came from one network or address. */
interface Tally {
  count: number
  /** Undefined where its requests belong to several servers, or to none. */
  server: string | undefined
}

/**
 * Watches for addresses and networks that carry more of an upstream than a server should have to: whatever has one
 * server for all its requests, and more of them than its share. Times are in ms on any clock that does not jump.
 */
export class SkewWatch {
  /** By their upstreams' names. */
  #watched: ReadonlyMap<string, Watched> = new Map()

  constructor(upstreams: readonly Upstream[]) {
    this.apply(upstreams)
  }

  /** Takes over another list of upstreams; the reports of those that stay still count. Returns what has ended by that. */
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

  /** What has begun or ended since the last call. */
  judge(now: number): SkewChange[] {
    return [...this.#watched.values()].flatMap((watched) => watched.judge(now))
  }

  /** What is too much at present, of the upstream of that name. */
  of(upstream: string): readonly Skew[] {
    return this.#watched.get(upstream)?.skews ?? []
  }
}

class Watched {
  #upstream: Upstream
  #limit: SkewLimit
  /** Those that requests go to, by their names. */
  #servers: ReadonlyMap<string, Server>
  readonly #reports: { readonly at: number; readonly report: SampleReport }[] = []
  /** By network, or by address where its network has several servers. Each one's server is among `#servers`. */
  readonly #skews = new Map<string, Skew>()

  constructor(upstream: Upstream, limit: SkewLimit) {
    this.#upstream = upstream
    this.#limit = limit
    this.#servers = usedServersOf(upstream)
  }

  /** Takes over other settings, and other servers. Returns the skews whose servers are gone. */
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

  /** Counts at the least: what may belong to others is taken off. */
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

  /** @param now where all its requests go; undefined where that is several servers, or not known */
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
      // An address counts with its network where that has one server for all its requests.
      if (address !== undefined && !isSpread(networks.get(network))) continue
      // None, several, or one that is gone.
      const server = name === undefined ? undefined : this.#servers.get(name)
      const share = shareOf(key)
      if (server === undefined || this.#skews.has(key) || share <= this.#limitOf(server)) continue
      const skew = { from: address ?? narrowed(network, addresses, networks), share, server: server.name }
      this.#skews.set(key, skew)
      changes.push({ upstream: this.#upstream.name, skew, isOver: false })
    }
    return changes
  }

  /** The share that is too much for requests of one server. */
  #limitOf(server: Server): number {
    if (this.#limit.share !== undefined) return this.#limit.share
    const weights = Array.from(this.#servers.values()).reduce((sum, { weight }) => sum + weight, 0)
    return Math.max(LEAST_SHARE, server.weight / weights)
  }
}

/** Whether requests of that network belong to several servers. */
function isSpread(network: Tally | undefined): boolean {
  return network !== undefined && network.server === undefined
}

/** Backups and disabled servers take no part of the requests. */
function usedServersOf({ servers }: Upstream): ReadonlyMap<string, Server> {
  const used = servers.filter(({ backup, down }) => !backup && !down)
  return new Map(used.map((server) => [server.name, server]))
}

/** The one address that sends most of what a network sends; the network where there is none. */
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

/** The line that reports a skew. */
export function describeSkew({ from, share, server }: Skew): string {
  const guess = from.includes('/') ? 'a NAT or a CDN?' : 'a NAT, or a proxy?'
  return (
    `${percent(share)} of the requests come from ${from} (${guess}), and all of them go to server ${server}; ` +
    'give the upstream affinity: cookie, or trustedProxies if that is your own proxy'
  )
}

/** The line that reports its end. */
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
