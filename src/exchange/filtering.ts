import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { Filter, Verdict } from './filter.ts'
import type { FilteredRequest } from './filtered-request.ts'
import { FilteredResponse, type ReadableHead } from './filtered-response.ts'
import type { OwnResponse } from './own-response.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/** The way of one exchange through the filters of its route. */
export class Filtering {
  readonly request: FilteredRequest
  readonly #filters: readonly Filter[]
  readonly #groups: readonly UpstreamGroup[]
  /** How many filters have been asked about the request. */
  #asked = 0
  #response: FilteredResponse | undefined

  /** @param groups in the order of the Snapshot's upstreams */
  constructor(filters: readonly Filter[], request: FilteredRequest, groups: readonly UpstreamGroup[]) {
    this.#filters = filters
    this.request = request
    this.#groups = groups
  }

  /** That which the request goes to; undefined for a route without an upstream. */
  get group(): UpstreamGroup | undefined {
    return this.#groups[this.request.upstream]
  }

  /**
   * Asks the filters that have not been asked, in order, until one answers the request. A promise is of one that waits: if it lets
   * the request go on, call this again.
   */
  next(): Verdict | Promise<Verdict> {
    while (this.#asked < this.#filters.length) {
      const verdict = this.#filters[this.#asked++]!.request?.(this.request)
      if (verdict !== undefined) return verdict
    }
    return undefined
  }

  /** Shows the head of a server's response to the filters. */
  answered(head: ResponseHead, serverName: string): void {
    this.request.serverName = serverName
    this.request.upstreamName = this.group?.settings.name
    this.#show({ status: head.status, values: (name) => valuesIn(head, name) }, false)
  }

  /** The field lines that filters add to the server's response, each with its line end. */
  get responseLines(): string {
    return this.#response?.edits.lines ?? ''
  }

  /** The options with which the head of the server's response is passed on. */
  optionsFor(head: ResponseHead, options: ConnectionOptions): ConnectionOptions {
    return this.#response?.edits.optionsFor(head, options) ?? options
  }

  /** A response of Limpet's own, as the filters leave it. */
  filtered(response: OwnResponse): OwnResponse {
    const { status, lines, fields } = response
    const { edits } = this.#show({ status, values: (name) => valuesAmong(lines, name) }, true)
    const kept = lines.filter((line) => !edits.removes(nameOf(line)))
    return { ...response, lines: kept, fields: fields + edits.lines }
  }

  #show(head: ReadableHead, isOwn: boolean): FilteredResponse {
    const response = new FilteredResponse(this.request, head, isOwn)
    this.#response = response
    for (let index = this.#filters.length - 1; index >= 0; index--) this.#filters[index]!.response?.(response)
    return response
  }

  /** The exchange is over. */
  end(): void {
    for (let index = 0; index < this.#asked; index++) this.#filters[index]!.ended?.(this.request)
  }
}

function valuesIn(head: ResponseHead, name: string): string[] {
  const values: string[] = []
  for (let field = head.findNamed(name); field >= 0; field = head.findNamed(name, field + 1))
    values.push(head.value(field))
  return values
}

function valuesAmong(lines: readonly string[], name: string): string[] {
  return lines.filter((line) => nameOf(line).toLowerCase() === name).map((line) => line.slice(line.indexOf(':') + 2))
}

function nameOf(line: string): string {
  return line.slice(0, line.indexOf(':'))
}
