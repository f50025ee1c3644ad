import type { Failure } from './failure.ts'
import type { FilteredRequest } from './filtered-request.ts'
import type { FilteredResponse } from './filtered-response.ts'
import type { OwnResponse } from './own-response.ts'
import type { BodyStage, ResponseSink } from './response-sink.ts'

/** What a filter decides about a request: it goes on (undefined), or is answered. */
export type Verdict = undefined | OwnResponse | Failure

/** What a filter decides in a rehearsal. `open`: nobody knows yet; the rest is rehearsed as if the request went on. */
export type Rehearsed = Verdict | 'open'

/**
 * What one filter of a route does to requests and responses. There is one object for each filter of a route in a worker; it lasts as
 * long as the settings of its route do not change.
 */
export interface Filter {
  /** What it is called in explanations and in the log: its name in the configuration file. */
  readonly name: string
  /** Decides about a request before a server is picked. Only a filter that waits by nature returns a promise. */
  request?(request: FilteredRequest): Verdict | Promise<Verdict>
  /**
   * Changes the head of the response that the client gets: a server's, or Limpet's own. The last filter sees it first.
   *
   * @returns a response in its place, or that another server is to be asked (if it `mayRetry`); undefined for neither
   */
  response?(response: FilteredResponse): OwnResponse | 'retry' | undefined
  /** Puts a stage before the client if it changes or holds the body of a server's response. The last filter's gets it first. */
  stage?(response: FilteredResponse, next: ResponseSink): BodyStage | undefined
  /**
   * Decides in place of `request` where a request is only explained: asks nobody, counts and sends nothing, leaves nothing to
   * chance, and notes what it has looked at. Left out if `request` does none of it.
   */
  rehearse?(request: FilteredRequest): Rehearsed | Promise<Rehearsed>
  /** What it will do to the response of a server, in words that follow its name; undefined for nothing. */
  forecast?(request: FilteredRequest): string | undefined
  /** The exchange is over. Called if `request` was, whatever came of it, once. */
  ended?(request: FilteredRequest): void
  /** No further request comes: its route is gone, or has other settings. */
  close?(): void
}
