import { errorPage } from '../exchange/error-page.ts'
import { Failure } from '../exchange/failure.ts'
import type { Verdict } from '../exchange/filter.ts'
import { FilteredRequest } from '../exchange/filtered-request.ts'
import { Filtering, type FilteringOwner } from '../exchange/filtering.ts'
import type { OwnResponse } from '../exchange/own-response.ts'
import { ReceivedRequest } from '../exchange/received-request.ts'
import type { RequestView } from '../exchange/request-view.ts'
import type { UpstreamGroup } from '../exchange/upstream-group.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { RouteFilters } from '../filters/registry.ts'
import { ResponseHead } from '../http1/response-head.ts'
import type { Route } from '../runtime/snapshot.ts'
import type { ExplainedFilter } from './answers.ts'
import { clientOf } from './rehearsed-client.ts'
import { RehearsedFilter } from './rehearsed-filter.ts'
import { Secrets } from './secrets.ts'
import { logInWords } from './words.ts'

/** No other server is asked, and no body comes. */
const NO_EXCHANGE: Omit<FilteringOwner, 'context'> = {
  mayAskAnother: false,
  stageUser: { drained() {}, ended() {}, failed() {} },
}

/** Stands for whatever a server answers. */
const SOME_RESPONSE = Buffer.from('HTTP/1.1 200 OK\r\n\r\n')

/** A request on its way through the filters of its route, by which nobody is asked, nothing is counted, and nothing is sent. */
export class FilterRehearsal {
  readonly #filtering: Filtering
  readonly #filters: readonly RehearsedFilter[]
  readonly #context: WorkerContext

  /**
   * @param context of a worker that only rehearses
   * @throws MessageError for a request whose framing breaks the rules
   */
  constructor(context: WorkerContext, route: Route, view: RequestView, isSecure: boolean) {
    const { snapshot, groups } = context.generation
    this.#context = context
    const secrets = new Secrets(snapshot, route, view)
    this.#filters = (new RouteFilters(context).of(route) ?? []).map((each) => new RehearsedFilter(each, secrets))
    const received = new ReceivedRequest(view.head)
    const request = new FilteredRequest(context, clientOf(view, isSecure), received, route, view.path, groups)
    this.#filtering = new Filtering(this.#filters, request, { ...NO_EXCHANGE, context })
  }

  /** What all of them decide together. */
  async verdict(): Promise<Verdict> {
    for (;;) {
      const verdict = this.#filtering.next()
      if (!(verdict instanceof Promise)) return verdict
      const settled = await verdict.catch((error) => this.#filtering.failed(error))
      if (settled !== undefined) return settled
    }
  }

  /** The request as they have left it. */
  get request(): FilteredRequest {
    return this.#filtering.request
  }

  /** The upstream that it goes to; undefined for none. */
  get group(): UpstreamGroup | undefined {
    return this.#filtering.request.group
  }

  /** A server answers, whatever that is. */
  answeredBy(server: string): void {
    const head = new ResponseHead()
    head.parse(SOME_RESPONSE, 0, this.#context.generation.snapshot.limits)
    this.#filtering.answered(head, server)
  }

  /** Limpet answers. Returns what the client gets. */
  answered(verdict: OwnResponse | Failure): OwnResponse {
    const { id, method } = this.request
    const response =
      verdict instanceof Failure
        ? errorPage(verdict, {
            requestId: id,
            accept: this.request.header('accept') ?? '',
            isToHead: method === 'HEAD',
          })
        : verdict
    return this.#filtering.filtered(response)
  }

  /** In order; what is logged comes last, wherever its filter stands. */
  get explained(): ExplainedFilter[] {
    const { log } = this.request.route
    const all = this.#filters.map(({ explained }) => explained)
    return log === undefined
      ? all
      : [...all, { name: 'log', decision: 'goes-on', request: [logInWords(log)], response: [] }]
  }
}
