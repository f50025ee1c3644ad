import type { Failure } from './failure.ts'
import type { FilteredRequest } from './filtered-request.ts'
import type { FilteredResponse } from './filtered-response.ts'
import type { OwnResponse } from './own-response.ts'

/** What a filter decides about a request: it goes on (undefined), or is answered. */
export type Verdict = undefined | OwnResponse | Failure

/**
 * What one filter of a route does to requests and responses. There is one object for each filter of a route in a worker; it lasts as
 * long as the settings of its route do not change.
 */
export interface Filter {
  /** What it is called in explanations and in the log: its name in the configuration file. */
  readonly name: string
  /** Decides about a request before a server is picked. Only a filter that waits by nature returns a promise. */
  request?(request: FilteredRequest): Verdict | Promise<Verdict>
  /** Changes the head of the response that the client gets: a server's, or Limpet's own. The last filter sees it first. */
  response?(response: FilteredResponse): void
  /** The exchange is over. Called if `request` was, whatever came of it, once. */
  ended?(request: FilteredRequest): void
  /** No further request comes: its route is gone, or has other settings. */
  close?(): void
}
