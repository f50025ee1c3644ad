import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { HeadEdits } from '../forwarding/head-edits.ts'
import type { HeadChanges, HeadersSettings } from '../runtime/filter-settings.ts'
import { render } from './template.ts'

/** Sets, adds and removes fields of requests and responses. */
export class Headers implements Filter {
  readonly name = 'headers'
  readonly #settings: HeadersSettings

  constructor(settings: HeadersSettings) {
    this.#settings = settings
  }

  request(request: FilteredRequest): undefined {
    change(request.edits, this.#settings.request, request)
  }

  response({ edits, request }: FilteredResponse): void {
    change(edits, this.#settings.response, request)
  }
}

const NONE: readonly string[] = []

function change(edits: HeadEdits, { remove = NONE, set, add }: HeadChanges, request: FilteredRequest): void {
  for (const name of remove) edits.remove(name)
  for (const { name, value } of set) edits.set(name, render(value, request))
  for (const { name, value } of add) edits.add(name, render(value, request))
}
