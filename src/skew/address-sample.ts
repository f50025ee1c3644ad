import { SpaceSaving } from './space-saving.ts'

/** One request in so many is sampled, on average, so that counting costs next to nothing. */
const ONE_OF = 16
/** Enough counters to find each sender of more than 1 % of the requests. */
const COUNTERS = 100
/** The tag of requests without a server. */
const NO_SERVER = -1
/** How many senders are reported: more than could each send too much. */
const MAX_REPORTED = 16

/** The requests of an address or a network. */
export interface Sender {
  /** `network address`, or `network`. */
  readonly key: string
  /** A count of requests, which is never too low. */
  readonly count: number
  /** By how much `count` may be too high. */
  readonly error: number
  /** The name of the server that all of them are tied to; undefined for several servers, or none. */
  readonly server: string | undefined
}

/**
 * The top senders of an upstream's requests to a worker since the last report. Upstreams and servers are given by name,
 * since slots are reused.
 */
export interface SampleReport {
  readonly upstream: string
  /** How many requests were sampled; each stands for `weight` requests. */
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
  /** The servers seen since the last report, each with its tag in the counters; the first tag is 0. */
  readonly #tags = new Map<string, number>()
  readonly #random: () => number
  /** How many requests remain until the next sample. */
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

  /** A random gap: with a fixed one, clients that take turns could be missed every time. */
  #gap(): number {
    return 1 + Math.floor(this.#random() * (2 * ONE_OF - 1))
  }

  /** Whether this request is to be sampled. Call it once for each request. */
  isDue(): boolean {
    if (--this.#pending > 0) return false
    this.#pending = this.#gap()
    return true
  }

  /** @param server the name of the server that the address is tied to; undefined for none */
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

  /** The samples since the last report; undefined if there were none. */
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

/**
 * The network of an address: the /24 of an IPv4 address, which is one client for ip-hash; the /64 of an IPv6 address,
 * which is one site.
 */
export function networkOf(octets: Uint8Array): string {
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.0/24`
  const groups = [0, 2, 4, 6].map((at) => (octets[at]! * 256 + octets[at + 1]!).toString(16))
  return `${groups.join(':').replace(/(?::0)+$/, '')}::/64`
}
