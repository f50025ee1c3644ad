import type { AddressRange } from '../runtime/address-range.ts'

/** A set of address ranges (CIDR, RFC 4632), looked up for each connection and each address in a header. */
export class AddressRanges {
  readonly #v4: RangesOfFamily
  readonly #v6: RangesOfFamily

  constructor(ranges: readonly AddressRange[]) {
    this.#v4 = new RangesOfFamily(ranges, 4)
    this.#v6 = new RangesOfFamily(ranges, 16)
  }

  /** @param octets 4 or 16; an IPv4 address in its mapped form is not in a range of IPv4 */
  includes(octets: Uint8Array): boolean {
    return (octets.length === 4 ? this.#v4 : this.#v6).includes(octets)
  }
}

/**
 * The ranges of addresses of one width, in order. Two ranges are either apart, or one contains the other; without those that
 * others contain, an address can only be in the last one that does not begin after it.
 */
class RangesOfFamily {
  readonly #ranges: readonly AddressRange[]

  constructor(ranges: readonly AddressRange[], width: number) {
    const ordered = ranges
      .filter(({ octets }) => octets.length === width)
      .sort((one, other) => compare(one.octets, other.octets) || one.prefix - other.prefix)
    const apart: AddressRange[] = []
    for (const range of ordered) {
      const last = apart.at(-1)
      if (last === undefined || !holds(last, range.octets)) apart.push(range)
    }
    this.#ranges = apart
  }

  includes(octets: Uint8Array): boolean {
    let from = 0
    let to = this.#ranges.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (compare(this.#ranges[middle]!.octets, octets) <= 0) from = middle + 1
      else to = middle
    }
    return from > 0 && holds(this.#ranges[from - 1]!, octets)
  }
}

/** For octets of one width. */
function compare(one: Uint8Array, other: Uint8Array): number {
  for (let i = 0; i < one.length; i++) {
    if (one[i] !== other[i]) return one[i]! - other[i]!
  }
  return 0
}

function holds({ octets, prefix }: AddressRange, address: Uint8Array): boolean {
  const whole = prefix >> 3
  for (let i = 0; i < whole; i++) {
    if (octets[i] !== address[i]) return false
  }
  const rest = prefix & 7
  return rest === 0 || (octets[whole]! ^ address[whole]!) >> (8 - rest) === 0
}
