import { SpaceSaving } from './space-saving.ts'

/** On average one request of so many is looked at, so that counting costs next to nothing. */
const ONE_OF = 16
/** Whatever makes 1 % of the requests is found. */
const COUNTERS = 100
/** In place of a server's tag. */
const NO_SERVER = -1
/** More than could each carry too much. */
const MAX_REPORTED = 16

/** The requests of an address or a network. */
export interface Sender {
  /** `network address`, or `network`. */
  readonly key: string
  /** Never too low. */
  readonly count: number
  /** By how much `count` may be too high. */
  readonly error: number
  /** The name of the server that all of them belong to; undefined where they belong to several, or to none. */
  readonly server: string | undefined
}

/** Who sent the requests of an upstream to a worker of late. Upstreams and servers are named: slots change hands. */
export interface SampleReport {
  readonly upstream: string
  /** How many were looked at; each stands for `weight` of them. */
  readonly total: number
  readonly weight: number
  readonly addresses: readonly Sender[]
  readonly networks: readonly Sender[]
}

/** Which addresses and networks send the most requests to an upstream, as one worker sees it. */
export class AddressSample {
  readonly #upstream: string
  readonly #addresses = new SpaceSaving(COUNTERS)
  readonly #networks = new SpaceSaving(COUNTERS)
  /** Servers seen since the last report, each with the tag that the counters know it by: the first is 0. */
  readonly #tags = new Map<string, number>()
  readonly #random: () => number
  /** How many requests come before the next one that is looked at. */
  #pending: number

  /**
   * @param upstream its name
   * @param random gives numbers from 0 to below 1
   */
  constructor(upstream: string, random = Math.random) {
    this.#upstream = upstream
    this.#random = random
    this.#pending = this.#gap()
  }

  /** Never the same, since clients that take turns would be looked at by turns. */
  #gap(): number {
    return 1 + Math.floor(this.#random() * (2 * ONE_OF - 1))
  }

  /** Whether this request is one to be looked at. */
  isDue(): boolean {
    if (--this.#pending > 0) return false
    this.#pending = this.#gap()
    return true
  }

  /** @param server the name of the server that the address belongs to; undefined for none */
  add(address: { readonly text: string; readonly octets: Uint8Array }, server: string | undefined): void {
    const network = networkOf(address.octets)
    const tag = server === undefined ? NO_SERVER : this.#tagOf(server)
    this.#networks.add(network, tag)
    this.#addresses.add(`${network} ${address.text}`, tag)
  }

  #tagOf(server: string): number {
    const known = this.#tags.get(server)
    if (known !== undefined) return known
    const tag = this.#tags.size
    this.#tags.set(server, tag)
    return tag
  }

  /** What has come since the last report; undefined where nothing has. */
  report(): SampleReport | undefined {
    const { total } = this.#networks
    if (total === 0) return undefined
    const servers = [...this.#tags.keys()]
    const top = (counters: SpaceSaving): Sender[] =>
      counters.top(MAX_REPORTED).map(({ tag, ...counted }) => ({ ...counted, server: servers[tag] }))
    const [addresses, networks] = [top(this.#addresses), top(this.#networks)]
    this.#addresses.clear()
    this.#networks.clear()
    this.#tags.clear()
    return { upstream: this.#upstream, total, weight: ONE_OF, addresses, networks }
  }
}

/** The /24 of an IPv4 address, which is one client to ip-hash; the /64 of an IPv6 one, which is one site. */
export function networkOf(octets: Uint8Array): string {
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.0/24`
  const groups = [0, 2, 4, 6].map((at) => (octets[at]! * 256 + octets[at + 1]!).toString(16))
  return `${groups.join(':').replace(/(?::0)+$/, '')}::/64`
}
