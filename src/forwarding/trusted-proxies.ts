import { type IpAddress, UNIX_ADDRESS } from '../runtime/ip-address.ts'
import type { ClientAddressSource, Snapshot } from '../runtime/snapshot.ts'
import { AddressRanges } from './address-ranges.ts'

/** The proxies that may name the client, and the field that they name it in. */
export class TrustedProxies {
  readonly source: ClientAddressSource
  readonly #ranges: AddressRanges
  readonly #unix: boolean

  private constructor(proxies: Snapshot['trustedProxies'], source: ClientAddressSource) {
    this.#ranges = new AddressRanges(proxies.filter((proxy) => proxy !== 'unix:'))
    this.#unix = proxies.includes('unix:')
    this.source = source
  }

  /** @returns undefined if no proxy is trusted, so that no connection need be looked up */
  static of({
    trustedProxies,
    clientAddressFrom,
  }: Pick<Snapshot, 'trustedProxies' | 'clientAddressFrom'>): TrustedProxies | undefined {
    if (trustedProxies.length === 0) return undefined
    return new TrustedProxies(trustedProxies, clientAddressFrom)
  }

  include(address: IpAddress): boolean {
    return address === UNIX_ADDRESS ? this.#unix : this.#ranges.includes(address.octets)
  }
}
