import { timingSafeEqual } from 'node:crypto'
import { Failure } from '../exchange/failure.ts'
import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { ownPage } from '../exchange/own-response.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { Bypass, MaintenancePageSettings } from '../runtime/filter-settings.ts'
import { valueIn } from '../runtime/named-part.ts'
import { ClientSet } from './client-set.ts'
import { Page } from './page.ts'

/** Answers everybody but some with 503 and a page while there is maintenance. */
export class MaintenancePage implements Filter {
  readonly name = 'maintenancePage'
  readonly #settings: MaintenancePageSettings
  readonly #context: WorkerContext
  readonly #except: ClientSet
  readonly #page: Page | undefined

  constructor(settings: MaintenancePageSettings, context: WorkerContext) {
    this.#settings = settings
    this.#context = context
    this.#except = new ClientSet(settings.except)
    this.#page = settings.page && new Page(settings.page.body, context)
  }

  request(request: FilteredRequest): Verdict {
    if (!this.#isOn) return undefined
    if (this.#except.includes(request.clientAddress)) return this.#pass(request, request.clientAddress.text)
    const { bypass, retryAfter, page } = this.#settings
    const shown = bypass.find((each) => isShown(each, request))
    if (shown !== undefined) return this.#pass(request, `${shown.from} ${shown.name}`)
    request.note(this.name, 'closed')
    // A gRPC call ends with a status of its own, and gets no page.
    if (this.#page === undefined || request.received.isGrpc) return new Failure('maintenance', '', { retryAfter })
    const lines = [`Content-Type: ${page!.contentType}`, `Retry-After: ${retryAfter}`]
    return ownPage(503, lines, this.#page.bytes, request.received)
  }

  get #isOn(): boolean {
    const { switch: file } = this.#settings
    return file === undefined || this.#context.generation.snapshot.switches?.includes(file) === true
  }

  #pass(request: FilteredRequest, why: string): undefined {
    request.note(this.name, `lets it pass: ${why}`)
  }
}

/** In a time that says nothing of how much of a secret is right. */
function isShown(bypass: Bypass, request: FilteredRequest): boolean {
  const shown = Buffer.from(valueIn(request, bypass) ?? '', 'latin1')
  const secret = Buffer.from(bypass.secret, 'latin1')
  return shown.length === secret.length && timingSafeEqual(shown, secret)
}
