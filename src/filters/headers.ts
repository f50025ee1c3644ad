import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { HeadChanges, HeadersSettings } from '../runtime/filter-settings.ts'
import { render } from './template.ts'

/** Sets, adds and removes fields of requests and responses. */
export class Headers implements Filter {
  readonly name: string
  readonly #settings: HeadersSettings

  constructor(settings: HeadersSettings) {
    this.name = settings.name ?? settings.type
    this.#settings = settings
  }

  request(request: FilteredRequest): undefined {
    change(request, this.#settings.request, request)
  }

  response(response: FilteredResponse): undefined {
    change(response, this.#settings.response, response.request)
  }

  forecast(): string | undefined {
    const { remove = NONE, default: kept } = this.#settings.response
    const words = [
      ...(remove.length > 0 ? [`removes ${remove.join(', ')}`] : []),
      ...(kept.length > 0 ? [`keeps the server's own ${kept.map(({ name }) => name).join(', ')}`] : []),
    ]
    return words.length > 0 ? words.join('; ') : undefined
  }
}

const NONE: readonly string[] = []

/** What of a head a filter sees and changes. */
type Subject = Pick<FilteredRequest, 'edits' | 'header'> | Pick<FilteredResponse, 'edits' | 'header'>

function change(subject: Subject, changes: HeadChanges, request: FilteredRequest): void {
  const { remove = NONE, set, add } = changes
  const { edits } = subject
  for (const name of remove) edits.remove(name)
  for (const { name, value } of set) edits.set(name, render(value, request))
  for (const { name, value } of add) edits.add(name, render(value, request))
  for (const { name, value } of changes.default) {
    if (subject.header(name.toLowerCase()) === undefined) edits.add(name, render(value, request))
  }
}
