import { AddressRanges } from '../forwarding/address-ranges.ts'
import type { AddressSet } from '../runtime/filter-settings.ts'
import { type IpAddress, UNIX_ADDRESS, UNKNOWN_ADDRESS } from '../runtime/ip-address.ts'

/** Clients by their addresses. */
export class ClientSet {
  readonly #ranges: AddressRanges
  readonly #unix: boolean

  constructor({ ranges, unix }: AddressSet) {
    this.#ranges = new AddressRanges(ranges)
    this.#unix = unix === true
  }

  includes(address: IpAddress): boolean {
    if (address === UNIX_ADDRESS) return this.#unix
    return address !== UNKNOWN_ADDRESS && this.#ranges.includes(address.octets)
  }
}
