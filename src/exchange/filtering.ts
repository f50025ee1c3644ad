import type { HeadEdits } from '../forwarding/head-edits.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { Failure } from './failure.ts'
import type { Filter, Verdict } from './filter.ts'
import type { FilteredRequest } from './filtered-request.ts'
import { type FilteredResponse, OwnFilteredResponse, type Retries, ServerResponse } from './filtered-response.ts'
import type { OwnResponse } from './own-response.ts'
import type { BodyStage, ResponseSink, StageUser } from './response-sink.ts'

/** The exchange that goes through filters. */
export interface FilteringOwner extends Retries {
  /** What becomes of a response that goes through stages. */
  readonly stageUser: StageUser
}

/** Most exchanges have none. */
const NO_STAGES: readonly BodyStage[] = []

/** The way of one exchange through the filters of its route. */
export class Filtering {
  readonly request: FilteredRequest
  readonly #filters: readonly Filter[]
  readonly #owner: FilteringOwner
  /** How many filters have been asked about the request. */
  #asked = 0
  /** As the filters have left it; undefined as long as none has seen it. */
  #response: FilteredResponse | undefined
  /** From the client on. */
  #stages = NO_STAGES

  constructor(filters: readonly Filter[], request: FilteredRequest, owner: FilteringOwner) {
    this.#filters = filters
    this.#owner = owner
    this.request = request
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
   * @returns a response in its place, or that another server is to be asked; undefined for neither
   */
  answered(head: ResponseHead, serverName: string): OwnResponse | 'retry' | undefined {
    this.request.serverName = serverName
    this.request.upstreamName = this.request.group?.settings.name
    return this.#seesResponses ? this.#show(new ServerResponse(this.request, head, this.#owner)) : undefined
  }

  get #seesResponses(): boolean {
    for (const filter of this.#filters) if (filter.response !== undefined || filter.stage !== undefined) return true
    return false
  }

  /** The client gets the server's response: puts the stages of filters before it. */
  begin(client: ResponseSink): void {
    let sink = client
    for (const filter of this.#filters) {
      const stage = filter.stage?.(this.#response!, sink)
      if (stage === undefined) continue
      this.#add(stage)
      sink = stage
    }
  }

  #add(stage: BodyStage): void {
    const before = this.#stages.at(-1)
    // The end of the response is that of the stage nearest to the client; each says to the one before it when it takes more.
    stage.user = before === undefined ? this.#owner.stageUser : { ...this.#owner.stageUser, ended: () => {} }
    if (before !== undefined) before.user = { ...before.user, drained: () => stage.drained() }
    this.#stages = [...this.#stages, stage]
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
    const own = new OwnFilteredResponse(this.request, response)
    const verdict = this.#show(own)
    if (typeof verdict !== 'object') return own.edited
    return this.filtered({ ...verdict, fields: verdict.fields + response.fields })
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
