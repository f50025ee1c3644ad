import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { ownResponse } from '../exchange/own-response.ts'
import { asFieldValue } from '../forwarding/head-edits.ts'
import type { RespondSettings } from '../runtime/filter-settings.ts'
import { render } from './template.ts'

/** Answers every request by itself. */
export class Respond implements Filter {
  readonly name = 'respond'
  readonly #settings: RespondSettings

  constructor(settings: RespondSettings) {
    this.#settings = settings
  }

  request(request: FilteredRequest): Verdict {
    const { status, headers, body } = this.#settings
    const lines = headers.map(({ name, value }) => `${name}: ${asFieldValue(render(value, request))}`)
    request.note(this.name, `${body.length} bytes of its own`)
    return ownResponse(status, lines, Buffer.from(body.buffer, body.byteOffset, body.length), request.received)
  }
}
