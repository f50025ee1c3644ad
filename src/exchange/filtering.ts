import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { Failure } from './failure.ts'
import type { Filter, Verdict } from './filter.ts'
import type { FilteredRequest } from './filtered-request.ts'
import { FilteredResponse } from './filtered-response.ts'
import type { OwnResponse } from './own-response.ts'
import type { BodyStage, ResponseSink, StageUser } from './response-sink.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/** The way of one exchange through the filters of its route. */
export class Filtering {
  readonly request: FilteredRequest
  readonly #filters: readonly Filter[]
  readonly #groups: readonly UpstreamGroup[]
  /** How many filters have been asked about the request. */
  #asked = 0
  #response: FilteredResponse | undefined
  /** Whether a filter has put a response in the place of another. */
  #isReplaced = false
  /** From the client on. */
  readonly #stages: BodyStage[] = []

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
    try {
      while (this.#asked < this.#filters.length) {
        const verdict = this.#filters[this.#asked++]!.request?.(this.request)
        if (verdict !== undefined) return verdict
      }
      return undefined
    } catch (error) {
      return new Failure('filter-failed', String(error))
    }
  }

  /** Bytes of the request's body, on their way to its server. */
  bodyBytes(bytes: Buffer, from: number, to: number, form: BodyForm): void {
    for (const follower of this.request.followers) follower.bodyBytes(bytes, from, to, form)
  }

  /** All of the request has been written to a server. */
  requestSent(): void {
    for (const follower of this.request.followers) follower.requestSent()
  }

  /**
   * Shows the head of a server's response to the filters.
   *
   * @param mayRetry whether the request may be sent to another server instead
   * @returns a response in its place, or that another server is to be asked; undefined for neither
   */
  answered(head: ResponseHead, serverName: string, mayRetry: () => boolean): OwnResponse | 'retry' | undefined {
    this.request.serverName = serverName
    this.request.upstreamName = this.group?.settings.name
    if (!this.#filters.some(seesResponses)) return undefined
    const readable = { status: head.status, values: (name: string) => valuesIn(head, name) }
    const verdict = this.#show(new FilteredResponse(this.request, readable, { mayRetry }))
    this.#isReplaced = typeof verdict === 'object'
    return verdict
  }

  /** The client gets the server's response: puts the stages of filters before it. */
  begin(client: ResponseSink, userOf: () => StageUser): void {
    let sink = client
    let user: StageUser | undefined
    for (const filter of this.#filters) {
      const stage = filter.stage?.(this.#response!, sink)
      if (stage === undefined) continue
      user ??= userOf()
      const before = this.#stages.at(-1)
      // The end of the response is that of the stage nearest to the client; each says to the one before it when it takes more.
      stage.user = before === undefined ? user : { ...user, ended: () => {} }
      if (before !== undefined) before.user = { ...before.user, drained: () => stage.drained() }
      this.#stages.push(stage)
      sink = stage
    }
  }

  /** What takes the server's response; undefined for the client itself. */
  get sink(): ResponseSink | undefined {
    return this.#stages.at(-1)
  }

  /** Whether the end of the response goes through a stage. */
  get hasStages(): boolean {
    return this.#stages.length > 0
  }

  /** The client takes more again. Returns whether a stage is told. */
  drained(): boolean {
    this.#stages[0]?.drained()
    return this.hasStages
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
    const isReplacement = this.#isReplaced || response.isPage === true
    const readable = { status, values: (name: string) => valuesAmong(lines, name) }
    const verdict = this.#show(new FilteredResponse(this.request, readable, { isOwn: true, isReplacement }))
    if (typeof verdict === 'object') {
      this.#isReplaced = true
      return this.filtered({ ...verdict, fields: verdict.fields + fields })
    }
    const { edits } = this.#response!
    const kept = lines.filter((line) => !edits.removes(nameOf(line)))
    return { ...response, lines: kept, fields: fields + edits.lines }
  }

  #show(response: FilteredResponse): OwnResponse | 'retry' | undefined {
    this.#response = response
    for (let index = this.#filters.length - 1; index >= 0; index--) {
      const verdict = this.#filters[index]!.response?.(response)
      if (verdict !== undefined) return verdict
    }
    return undefined
  }

  /** The exchange is over. */
  end(): void {
    for (const stage of this.#stages) stage.cancel()
    for (const follower of this.request.followers) follower.exchangeEnded()
    for (let index = 0; index < this.#asked; index++) this.#filters[index]!.ended?.(this.request)
  }
}

function seesResponses({ response, stage }: Filter): boolean {
  return response !== undefined || stage !== undefined
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
