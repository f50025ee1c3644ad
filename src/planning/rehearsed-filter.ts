import type { Filter, Rehearsed, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { OwnResponse } from '../exchange/own-response.ts'
import type { ExplainedFilter } from './answers.ts'
import { changesInWords, passedRequest, passedResponse } from './passed-head.ts'
import type { Secrets } from './secrets.ts'

/** A filter that takes part in a rehearsal, and what came of it: to those who ask it, a filter like any other. */
export class RehearsedFilter implements Filter {
  readonly name: string
  readonly #filter: Filter
  readonly #secrets: Secrets
  #decision: ExplainedFilter['decision'] = 'not-reached'
  #request: readonly string[] = []
  #response: readonly string[] = []
  /** What it has noted of all responses: one that takes the place of another is shown to all filters again. */
  readonly #notes: string[] = []

  constructor(filter: Filter, secrets: Secrets) {
    this.name = filter.name
    this.#filter = filter
    this.#secrets = secrets
  }

  /** What it decided, and what it does. */
  get explained(): ExplainedFilter {
    return { name: this.name, decision: this.#decision, request: this.#request, response: this.#response }
  }

  request(request: FilteredRequest): Verdict | Promise<Verdict> {
    const before = passedRequest(request)
    const { bodyStorage } = request
    const noted = request.decisions.length
    const decided = (rehearsed: Rehearsed): Verdict => {
      const isStored = bodyStorage === undefined && request.bodyStorage !== undefined
      this.#request = [
        ...this.#notesSince(noted, request),
        ...changesInWords(before, passedRequest(request), (name, value) => this.#secrets.shown(name, value, request)),
        ...(isStored ? ['reads the whole body before a server gets it'] : []),
      ]
      this.#decision = rehearsed === undefined ? 'goes-on' : rehearsed === 'open' ? 'open' : 'answers'
      return rehearsed === 'open' ? undefined : rehearsed
    }
    const filter = this.#filter
    const rehearsed = filter.rehearse === undefined ? filter.request?.(request) : filter.rehearse(request)
    return rehearsed instanceof Promise ? rehearsed.then(decided) : decided(rehearsed)
  }

  response(response: FilteredResponse): OwnResponse | 'retry' | undefined {
    const { request, isOwn } = response
    const before = passedResponse(response)
    const noted = request.decisions.length
    const verdict = this.#filter.response?.(response)
    this.#notes.push(...this.#notesSince(noted, request))
    // A server's response is not known.
    const forecast = isOwn ? undefined : this.#filter.forecast?.(request)
    this.#response = [
      ...this.#notes,
      ...changesInWords(before, passedResponse(response), (name, value) => this.#secrets.shown(name, value, request)),
      ...(forecast === undefined ? [] : [this.#secrets.masked(forecast)]),
    ]
    return verdict
  }

  #notesSince(noted: number, { decisions }: FilteredRequest): string[] {
    return decisions.slice(noted).map(({ decision }) => this.#secrets.masked(decision))
  }
}
