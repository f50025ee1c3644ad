import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { ownPage, ownResponse } from '../exchange/own-response.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { asFieldValue } from '../forwarding/head-edits.ts'
import type { RespondSettings } from '../runtime/filter-settings.ts'
import { Page } from './page.ts'
import { render } from './template.ts'

/** Answers every request by itself. */
export class Respond implements Filter {
  readonly name = 'respond'
  readonly #settings: RespondSettings
  readonly #page: Page

  constructor(settings: RespondSettings, context: WorkerContext) {
    this.#settings = settings
    this.#page = new Page(settings.body, context)
  }

  request(request: FilteredRequest): Verdict {
    const { status, headers } = this.#settings
    const lines = headers.map(({ name, value }) => `${name}: ${asFieldValue(render(value, request))}`)
    const { bytes } = this.#page
    request.note(this.name, `${bytes.length} bytes of its own`)
    // An error without a body may still get a page, by the filter errorPages.
    return (bytes.length > 0 ? ownPage : ownResponse)(status, lines, bytes, request.received)
  }
}
