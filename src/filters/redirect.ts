import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { ownResponse } from '../exchange/own-response.ts'
import { asFieldValue } from '../forwarding/head-edits.ts'
import type { RedirectSettings } from '../runtime/filter-settings.ts'
import { renderInTarget } from './template.ts'

/** Sends clients elsewhere. */
export class Redirect implements Filter {
  readonly name = 'redirect'
  readonly #settings: RedirectSettings

  constructor(settings: RedirectSettings) {
    this.#settings = settings
  }

  request(request: FilteredRequest): Verdict {
    const { status, location } = this.#settings
    const target = asFieldValue(renderInTarget(location, request))
    request.note(this.name, `to ${target}`)
    return ownResponse(status, [`Location: ${target}`], Buffer.alloc(0), request.received)
  }
}
