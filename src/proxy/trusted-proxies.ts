import type { IpAddress } from '../ip-address.ts'
import type { ClientAddressSource, Snapshot } from '../snapshot.ts'
import { AddressRanges } from './address-ranges.ts'

/** Who may say who the client is, and in which field. */
export class TrustedProxies {
  readonly source: ClientAddressSource
  readonly #ranges: AddressRanges

  private constructor(ranges: AddressRanges, source: ClientAddressSource) {
    this.#ranges = ranges
    this.source = source
  }

  /** @returns undefined where nobody is trusted, so that nobody need be asked about */
  static of({
    trustedProxies,
    clientAddressFrom,
  }: Pick<Snapshot, 'trustedProxies' | 'clientAddressFrom'>): TrustedProxies | undefined {
    if (trustedProxies.length === 0) return undefined
    return new TrustedProxies(new AddressRanges(trustedProxies), clientAddressFrom)
  }

  include(address: IpAddress): boolean {
    return this.#ranges.includes(address.octets)
  }
}
