import type { AddressRange } from './address-range.ts'
import { type IpAddress, isAddress } from './ip-address.ts'

/** A range of addresses whose requests are refused. */
export interface Ban extends AddressRange {
  /** In ms since 1970. */
  readonly until: number
}

/** What differs from one list of bans to the next. A range that is added again has another end. */
export interface BanChange {
  readonly added: readonly Ban[]
  readonly lifted: readonly AddressRange[]
}

/** By prefix, then by the bits of the range. */
type Bans = Map<number, Map<string, Ban>>

/**
 * Which clients are banned. A change of one ban is as cheap with 10,000 of them; a look-up takes one step for each length of a
 * prefix that occurs.
 */
export class BanList {
  readonly #v4: Bans = new Map()
  readonly #v6: Bans = new Map()
  #size = 0

  constructor(bans: Iterable<Ban> = []) {
    for (const ban of bans) this.#add(ban)
  }

  get size(): number {
    return this.#size
  }

  *[Symbol.iterator](): Generator<Ban> {
    for (const bans of [this.#v4, this.#v6]) for (const ranges of bans.values()) yield* ranges.values()
  }

  change({ added, lifted }: BanChange): void {
    for (const range of lifted) this.#remove(range)
    for (const ban of added) this.#add(ban)
  }

  /** A ban that the client at this address is under; undefined if there is none. */
  find(address: IpAddress): Ban | undefined {
    if (this.#size === 0 || !isAddress(address)) return undefined
    const { octets } = address
    for (const [prefix, ranges] of this.#bansOf(octets)) {
      const ban = ranges.get(bitsOf(octets, prefix))
      if (ban !== undefined) return ban
    }
    return undefined
  }

  #add(ban: Ban): void {
    const bans = this.#bansOf(ban.octets)
    const ranges = bans.get(ban.prefix) ?? new Map<string, Ban>()
    bans.set(ban.prefix, ranges)
    const bits = bitsOf(ban.octets, ban.prefix)
    if (!ranges.has(bits)) this.#size++
    ranges.set(bits, ban)
  }

  #remove({ octets, prefix }: AddressRange): void {
    const bans = this.#bansOf(octets)
    const ranges = bans.get(prefix)
    if (ranges?.delete(bitsOf(octets, prefix)) !== true) return
    this.#size--
    if (ranges.size === 0) bans.delete(prefix)
  }

  #bansOf(octets: Uint8Array): Bans {
    return octets.length === 4 ? this.#v4 : this.#v6
  }
}

/** The first `prefix` bits of an address as text. */
function bitsOf(octets: Uint8Array, prefix: number): string {
  let bits = ''
  for (let at = 0; 8 * at < prefix; at++)
    bits += String.fromCharCode(octets[at]! & (0xff00 >> Math.min(8, prefix - 8 * at)))
  return bits
}
