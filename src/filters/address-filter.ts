import { Failure } from '../exchange/failure.ts'
import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { AddressSettings } from '../runtime/filter-settings.ts'
import { ClientSet } from './client-set.ts'

/** Refuses clients by their address: all others (`allow`), or these (`deny`). */
export class AddressFilter implements Filter {
  readonly name: 'allow' | 'deny'
  readonly #from: ClientSet
  readonly #except: ClientSet
  readonly #refusal: Failure

  constructor({ type, from, except, status }: AddressSettings) {
    this.name = type
    this.#from = new ClientSet(from)
    this.#except = new ClientSet(except)
    this.#refusal = new Failure(status === 404 ? 'no-route' : 'forbidden')
  }

  request(request: FilteredRequest): Verdict {
    const { clientAddress } = request
    const isMeant = this.#from.includes(clientAddress) && !this.#except.includes(clientAddress)
    if (isMeant === (this.name === 'allow')) return undefined
    request.note(this.name, `refused: ${clientAddress.text}`)
    return this.#refusal
  }
}
