import type { HeadEdits } from '../forwarding/head-edits.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { Notices } from '../observability/notices.ts'
import { Failure } from './failure.ts'
import type { Filter, Verdict } from './filter.ts'
import type { FilteredRequest } from './filtered-request.ts'
import { FilteredResponse } from './filtered-response.ts'
import type { OwnResponse } from './own-response.ts'
import type { BodyStage, ResponseSink, StageUser } from './response-sink.ts'
import { StageGuard } from './stage-guard.ts'

/** The way of one exchange through the filters of its route. */
export class Filtering {
  readonly request: FilteredRequest
  readonly #filters: readonly Filter[]
  /** How many filters have been asked about the request. */
  #asked = 0
  #response: FilteredResponse | undefined
  /** Whether a filter has put a response in the place of another. */
  #isReplaced = false
  /** From the client on. */
  readonly #stages: BodyStage[] = []
  /** Takes the server's response before all stages. */
  #guard: StageGuard | undefined
  readonly #notices: Notices

  constructor(filters: readonly Filter[], request: FilteredRequest, notices: Notices) {
    this.#filters = filters
    this.request = request
    this.#notices = notices
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
      return this.failed(error)
    }
  }

  /** The filter that was asked last has thrown, or its promise has. */
  failed(error: unknown): Failure {
    return this.#failedIn(this.#filters[this.#asked - 1]!.name, error)
  }

  #failedIn(filter: string, error: unknown): Failure {
    this.#notices.filterFailed(filter, error)
    return new Failure('filter-failed', String(error))
  }

  /** Does what no throw may keep from being done. */
  #attend(filter: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#failedIn(filter, error)
    }
  }

  /** Bytes of the request's body, on their way to its server. */
  bodyBytes(bytes: Buffer, from: number, to: number, form: BodyForm): void {
    for (const follower of this.request.followers) follower.bodyBytes(bytes, from, to, form)
  }

  /** All of the request has been written to a server. */
  requestSent(): void {
    for (const follower of this.request.followers) this.#attend('mirror', () => follower.requestSent())
  }

  /**
   * Shows the head of a server's response to the filters.
   *
   * @param mayRetry whether the request may be sent to another server instead
   * @returns a response in its place, or that another server is to be asked; undefined for neither. A Failure if a filter has thrown
   */
  answered(
    head: ResponseHead,
    serverName: string,
    mayRetry: () => boolean,
  ): OwnResponse | 'retry' | Failure | undefined {
    this.request.serverName = serverName
    this.request.upstreamName = this.request.group?.settings.name
    if (!this.#filters.some(seesResponses)) return undefined
    const readable = { status: head.status, values: (name: string) => valuesIn(head, name) }
    const verdict = this.#show(new FilteredResponse(this.request, readable, { mayRetry }))
    this.#isReplaced = typeof verdict === 'object' && !(verdict instanceof Failure)
    return verdict
  }

  /**
   * The client gets the server's response: puts the stages of filters before it.
   *
   * @returns a Failure if a filter has thrown
   */
  begin(client: ResponseSink, userOf: () => StageUser): Failure | undefined {
    let sink = client
    let user: StageUser | undefined
    for (const filter of this.#filters) {
      let stage: BodyStage | undefined
      try {
        stage = filter.stage?.(this.#response!, sink)
      } catch (error) {
        return this.#failedIn(filter.name, error)
      }
      if (stage === undefined) continue
      user ??= userOf()
      const before = this.#stages.at(-1)
      // The end of the response is that of the stage nearest to the client; each says to the one before it when it takes more.
      stage.user = before === undefined ? user : { ...user, ended: () => {} }
      if (before !== undefined) before.user = { ...before.user, drained: () => stage.drained() }
      this.#stages.push(stage)
      sink = stage
    }
    if (user !== undefined) this.#guard = new StageGuard(sink, client, user)
    return undefined
  }

  /** What takes the server's response; undefined for the client itself. */
  get sink(): ResponseSink | undefined {
    return this.#guard
  }

  /** Whether the end of the response goes through a stage. */
  get hasStages(): boolean {
    return this.#stages.length > 0
  }

  /** The client takes more again. Returns whether a stage is told. */
  drained(): boolean {
    this.#guard?.attend(() => this.#stages[0]!.drained())
    return this.hasStages
  }

  /** What filters have changed in the head of the response. */
  get responseEdits(): HeadEdits | undefined {
    return this.#response?.edits
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
    const isReplacement = this.#isReplaced
    const readable = { status, values: (name: string) => valuesAmong(lines, name) }
    const verdict = this.#show(new FilteredResponse(this.request, readable, { isOwn: true, isReplacement }))
    if (typeof verdict === 'object' && !(verdict instanceof Failure)) {
      this.#isReplaced = true
      return this.filtered({ ...verdict, fields: verdict.fields + fields })
    }
    const { edits } = this.#response!
    const kept = lines.filter((line) => !edits.removes(nameOf(line)))
    return { ...response, lines: kept, fields: fields + edits.lines }
  }

  #show(response: FilteredResponse): OwnResponse | 'retry' | Failure | undefined {
    this.#response = response
    for (let index = this.#filters.length - 1; index >= 0; index--) {
      const filter = this.#filters[index]!
      try {
        const verdict = filter.response?.(response)
        if (verdict !== undefined) return verdict
      } catch (error) {
        const failure = this.#failedIn(filter.name, error)
        // A response of Limpet's own may be the one that says so: the other filters see it all the same.
        if (!response.isOwn) return failure
      }
    }
    return undefined
  }

  /** The exchange is over. */
  end(): void {
    for (const stage of this.#stages) this.#attend('a stage', () => stage.cancel())
    for (const follower of this.request.followers) this.#attend('mirror', () => follower.exchangeEnded())
    for (let index = 0; index < this.#asked; index++) {
      const filter = this.#filters[index]!
      try {
        filter.ended?.(this.request)
      } catch (error) {
        this.#failedIn(filter.name, error)
      }
    }
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
