import type { Server, SkewLimit, Upstream } from '../runtime/snapshot.ts'
import type { SampleReport } from './address-sample.ts'
import { type Counted, SEVERAL } from './space-saving.ts'

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
export interface SkewChange {
  readonly upstream: string
  readonly isOver: boolean
  /** Of one that is over: its share is what it was, but so few requests come that it does not matter. */
  readonly isQuiet: boolean
  readonly skew: Skew
}

/** What came from one network. */
interface Tally {
  count: number
  tag: number
}

/**
 * Watches for addresses and networks that carry more of an upstream than a server should have to: whatever has one
 * server for all its requests, and more of them than its share. Times are in ms on any clock that does not jump.
 */
export class SkewWatch {
  readonly #watched: ReadonlyMap<number, Watched>

  constructor(upstreams: readonly Upstream[]) {
    const watched = upstreams.flatMap((upstream) => (upstream.skew ? [new Watched(upstream, upstream.skew)] : []))
    this.#watched = new Map(watched.map((one) => [one.upstream.slot, one]))
  }

  add(report: SampleReport, now: number): void {
    this.#watched.get(report.upstream)?.add(report, now)
  }

  /** What has begun or ended since the last call. */
  judge(now: number): SkewChange[] {
    return [...this.#watched.values()].flatMap((watched) => watched.judge(now))
  }

  /** What is too much at present, of the upstream in that slot. */
  of(upstream: number): readonly Skew[] {
    return this.#watched.get(upstream)?.skews ?? []
  }
}

class Watched {
  readonly upstream: Upstream
  readonly #limit: SkewLimit
  readonly #servers: readonly Server[]
  readonly #reports: { readonly at: number; readonly report: SampleReport }[] = []
  /** By network, or by address where its network has several servers. */
  readonly #skews = new Map<string, Skew>()

  constructor(upstream: Upstream, limit: SkewLimit) {
    this.upstream = upstream
    this.#limit = limit
    this.#servers = upstream.servers.filter(({ backup, down }) => !backup && !down)
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
    const shareOf = (key: string) => (total === 0 ? 0 : ((networks.get(key) ?? addresses.get(key))?.count ?? 0) / total)
    return [
      ...[...this.#skews.keys()].flatMap((key) => this.#continue(key, shareOf(key), requests)),
      ...(requests < this.#limit.minRequests ? [] : this.#begin(networks, addresses, shareOf)),
    ]
  }

  /** Counts at the least: what may belong to others is taken off. */
  #merge(kind: 'networks' | 'addresses'): Map<string, Tally> {
    const tallies = new Map<string, Tally>()
    const take = ({ key, count, error, tag }: Counted) => {
      const tally = tallies.get(key)
      if (tally === undefined) tallies.set(key, { count: count - error, tag })
      else {
        tally.count += count - error
        if (tally.tag !== tag) tally.tag = SEVERAL
      }
    }
    for (const { report } of this.#reports) for (const counted of report[kind]) take(counted)
    return tallies
  }

  #continue(key: string, share: number, requests: number): SkewChange[] {
    const skew = { ...this.#skews.get(key)!, share }
    const server = this.#servers.find(({ name }) => name === skew.server)
    const isHeavy = share > this.#limitOf(server!) * RELIEF
    if (isHeavy && requests >= this.#limit.minRequests * RELIEF) {
      this.#skews.set(key, skew)
      return []
    }
    this.#skews.delete(key)
    return [{ upstream: this.upstream.name, isOver: true, isQuiet: isHeavy, skew }]
  }

  #begin(
    networks: ReadonlyMap<string, Tally>,
    addresses: ReadonlyMap<string, Tally>,
    shareOf: (key: string) => number,
  ): SkewChange[] {
    const changes: SkewChange[] = []
    for (const [key, { tag }] of [...networks, ...addresses]) {
      const [network, address] = key.split(' ') as [string, string | undefined]
      // An address counts with its network where that has one server for all its requests.
      if (address !== undefined && networks.get(network)?.tag !== SEVERAL) continue
      const server = this.#servers.find(({ slot }) => slot === tag)
      const share = shareOf(key)
      if (server === undefined || this.#skews.has(key) || share <= this.#limitOf(server)) continue
      const skew = { from: address ?? narrowed(network, addresses, networks), share, server: server.name }
      this.#skews.set(key, skew)
      changes.push({ upstream: this.upstream.name, isOver: false, isQuiet: false, skew })
    }
    return changes
  }

  /** The share that is too much for requests of one server. */
  #limitOf(server: Server): number {
    if (this.#limit.share !== undefined) return this.#limit.share
    const weights = this.#servers.reduce((sum, { weight }) => sum + weight, 0)
    return Math.max(LEAST_SHARE, server.weight / weights)
  }
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

/** The line that tells of a skew. */
export function describeSkew({ from, share, server }: Skew): string {
  const guess = from.includes('/') ? 'a NAT or a CDN?' : 'a NAT, or a proxy?'
  return (
    `${percent(share)} of the requests come from ${from} (${guess}), and all of them go to server ${server}; ` +
    'give the upstream affinity: cookie, or trustedProxies if that is your own proxy'
  )
}

/** The line that tells of its end. */
export function describeRelief({ skew: { from, share }, isQuiet }: SkewChange): string {
  if (isQuiet) return `too few requests come to say that ${from} carries more than its share of them`
  return `${from} no longer carries more than its share of the requests (${percent(share)})`
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
