import type { Filter } from '../exchange/filter.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { TryNextSettings } from '../runtime/filter-settings.ts'

/** Asks another server where one answers with certain statuses, if the request may be repeated. */
export class TryNext implements Filter {
  readonly name = 'tryNext'
  readonly #statuses: ReadonlySet<number>

  constructor({ statuses }: TryNextSettings) {
    this.#statuses = new Set(statuses)
  }

  response(response: FilteredResponse): 'retry' | undefined {
    if (response.isOwn || !this.#statuses.has(response.status) || !response.mayRetry) return undefined
    response.request.note(this.name, `another server, since ${response.request.serverName} answered ${response.status}`)
    return 'retry'
  }
}
