import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { TryNextSettings } from '../runtime/filter-settings.ts'

/** Asks another server where one answers with certain statuses, if the request may be repeated. */
export class TryNext implements Filter {
  readonly name = 'tryNext'
  readonly #statuses: ReadonlySet<number>

  constructor({ statuses }: TryNextSettings) {
    this.#statuses = new Set(statuses)
  }

  forecast({ received }: FilteredRequest): string {
    const { isIdempotent, method } = received
    const statuses = [...this.#statuses].join(', ')
    return isIdempotent
      ? `is asked of another server if it is ${statuses}`
      : `is the first server's: ${method} is not repeated`
  }

  response(response: FilteredResponse): 'retry' | undefined {
    if (response.isOwn || !this.#statuses.has(response.status) || !response.mayRetry) return undefined
    response.request.note(this.name, `another server, since ${response.request.serverName} answered ${response.status}`)
    return 'retry'
  }
}
