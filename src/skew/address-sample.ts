import { type Counted, SpaceSaving } from './space-saving.ts'

/** On average one request of so many is looked at, so that counting costs next to nothing. */
const ONE_OF = 16
/** Whatever makes 1 % of the requests is found. */
const COUNTERS = 100
/** More than could each carry too much. */
const TOLD = 16

/** Who sent the requests of an upstream to a worker of late. A tag is the slot of the server that they belong to. */
export interface SampleReport {
  /** The upstream's slot. */
  readonly upstream: number
  /** How many were looked at; each stands for `weight` of them. */
  readonly total: number
  readonly weight: number
  /** By `network address`. */
  readonly addresses: readonly Counted[]
  /** By `network`. */
  readonly networks: readonly Counted[]
}

/** Which addresses and networks send the most requests to an upstream, as one worker sees it. */
export class AddressSample {
  readonly #upstream: number
  readonly #addresses = new SpaceSaving(COUNTERS)
  readonly #networks = new SpaceSaving(COUNTERS)
  readonly #random: () => number
  /** How many requests come before the next one that is looked at. */
  #pending: number

  /** @param random gives numbers from 0 to below 1 */
  constructor(upstream: number, random = Math.random) {
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

  /** @param server the slot of the server that the address belongs to */
  add(address: { readonly text: string; readonly octets: Uint8Array }, server: number): void {
    const network = networkOf(address.octets)
    this.#networks.add(network, server)
    this.#addresses.add(`${network} ${address.text}`, server)
  }

  /** What has come since the last report; undefined where nothing has. */
  report(): SampleReport | undefined {
    const { total } = this.#networks
    if (total === 0) return undefined
    const [addresses, networks] = [this.#addresses.top(TOLD), this.#networks.top(TOLD)]
    this.#addresses.clear()
    this.#networks.clear()
    return { upstream: this.#upstream, total, weight: ONE_OF, addresses, networks }
  }
}

/** The /24 of an IPv4 address, which is one client to ip-hash; the /64 of an IPv6 one, which is one site. */
export function networkOf(octets: Uint8Array): string {
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.0/24`
  const groups = [0, 2, 4, 6].map((at) => (octets[at]! * 256 + octets[at + 1]!).toString(16))
  return `${groups.join(':').replace(/(?::0)+$/, '')}::/64`
}
