import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { HostSettings } from '../runtime/filter-settings.ts'

/** Sets the Host that the server gets. X-Forwarded-Host says what the client asked for. */
export class Host implements Filter {
  readonly name = 'host'
  readonly #host: string | undefined

  constructor({ host }: HostSettings) {
    this.#host = host
  }

  request({ edits }: FilteredRequest): undefined {
    edits.host = this.#host
    edits.hasServersHost = this.#host === undefined
  }
}
