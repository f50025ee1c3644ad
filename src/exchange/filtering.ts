import type { HeadEdits } from '../forwarding/head-edits.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { Failure } from './failure.ts'
import type { Filter, Verdict } from './filter.ts'
import type { FilteredRequest, RequestFollower } from './filtered-request.ts'
import { type FilteredResponse, OwnFilteredResponse, type Retries, ServerResponse } from './filtered-response.ts'
import type { OwnResponse } from './own-response.ts'
import type { BodyStage, ResponseSink, StageUser } from './response-sink.ts'
import { StageGuard } from './stage-guard.ts'
import type { WorkerContext } from './worker-context.ts'

/** The exchange that goes through filters. */
export interface FilteringOwner extends Retries {
  readonly context: Pick<WorkerContext, 'notices'>
  /** What becomes of a response that goes through stages. */
  readonly stageUser: StageUser
}

const CANCEL = (stage: BodyStage) => stage.cancel()
const SENT = (follower: RequestFollower) => follower.requestSent()
const LEAVE = (follower: RequestFollower) => follower.exchangeEnded()

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
  /** Takes the server's response before all stages. */
  #guard: StageGuard | undefined

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
      return this.failed(error)
    }
  }

  /** The filter that was asked last has thrown, or its promise has. */
  failed(error: unknown): Failure {
    return this.#failedIn(this.#filters[this.#asked - 1]!.name, error)
  }

  #failedIn(filter: string, error: unknown): Failure {
    this.#owner.context.notices.filterFailed(filter, error)
    return new Failure('filter-failed', String(error))
  }

  /** Bytes of the request's body, on their way to its server. */
  bodyBytes(bytes: Buffer, from: number, to: number, form: BodyForm): void {
    for (const follower of this.request.followers) follower.bodyBytes(bytes, from, to, form)
  }

  /** All of the request has been written to a server. */
  requestSent(): void {
    for (const follower of this.request.followers) this.#attend('mirror', follower, SENT)
  }

  /**
   * Shows the head of a server's response to the filters.
   *
   * @returns a response in its place, or that another server is to be asked; undefined for neither. A Failure if a filter has thrown
   */
  answered(head: ResponseHead, serverName: string): OwnResponse | 'retry' | Failure | undefined {
    this.request.serverName = serverName
    this.request.upstreamName = this.request.group?.settings.name
    return this.#seesResponses ? this.#show(new ServerResponse(this.request, head, this.#owner)) : undefined
  }

  get #seesResponses(): boolean {
    for (const filter of this.#filters) if (filter.response !== undefined || filter.stage !== undefined) return true
    return false
  }

  /**
   * The client gets the server's response: puts the stages of filters before it.
   *
   * @returns a Failure if a filter has thrown
   */
  begin(client: ResponseSink): Failure | undefined {
    let sink = client
    for (const filter of this.#filters) {
      let stage: BodyStage | undefined
      try {
        stage = filter.stage?.(this.#response!, sink)
      } catch (error) {
        return this.#failedIn(filter.name, error)
      }
      if (stage === undefined) continue
      this.#add(stage)
      sink = stage
    }
    if (this.hasStages) this.#guard = new StageGuard(sink, client, this.#owner.stageUser)
    return undefined
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
    const own = new OwnFilteredResponse(this.request, response)
    const verdict = this.#show(own)
    if (typeof verdict !== 'object' || verdict instanceof Failure) return own.edited
    return this.filtered({ ...verdict, fields: verdict.fields + response.fields })
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
    for (const stage of this.#stages) this.#attend('a stage', stage, CANCEL)
    for (const follower of this.request.followers) this.#attend('mirror', follower, LEAVE)
    for (let index = 0; index < this.#asked; index++) {
      const filter = this.#filters[index]!
      try {
        filter.ended?.(this.request)
      } catch (error) {
        this.#failedIn(filter.name, error)
      }
    }
  }

  /** Does what no throw may keep from being done. */
  #attend<Party>(filter: string, party: Party, act: (party: Party) => void): void {
    try {
      act(party)
    } catch (error) {
      this.#failedIn(filter, error)
    }
  }
}
