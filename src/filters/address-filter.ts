import { Failure } from '../exchange/failure.ts'
import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { AddressRanges } from '../forwarding/address-ranges.ts'
import type { AddressSet, AddressSettings } from '../runtime/filter-settings.ts'
import { type IpAddress, UNIX_ADDRESS, UNKNOWN_ADDRESS } from '../runtime/ip-address.ts'

/** Refuses clients by their address: all others (`allow`), or these (`deny`). */
export class AddressFilter implements Filter {
  readonly name: 'allow' | 'deny'
  readonly #from: Clients
  readonly #except: Clients
  readonly #refusal: Failure

  constructor({ type, from, except, status }: AddressSettings) {
    this.name = type
    this.#from = new Clients(from)
    this.#except = new Clients(except)
    this.#refusal = new Failure(status === 404 ? 'no-route' : 'forbidden')
  }

  request(request: FilteredRequest): Verdict {
    const { clientAddress } = request
    const isMeant = this.#from.include(clientAddress) && !this.#except.include(clientAddress)
    if (isMeant === (this.name === 'allow')) return undefined
    request.note(this.name, `refused: ${clientAddress.text}`)
    return this.#refusal
  }
}

/** Clients by their addresses. */
class Clients {
  readonly #ranges: AddressRanges
  readonly #unix: boolean

  constructor({ ranges, unix }: AddressSet) {
    this.#ranges = new AddressRanges(ranges)
    this.#unix = unix === true
  }

  include(address: IpAddress): boolean {
    if (address === UNIX_ADDRESS) return this.#unix
    return address !== UNKNOWN_ADDRESS && this.#ranges.includes(address.octets)
  }
}
