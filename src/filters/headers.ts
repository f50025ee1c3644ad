import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import { AddedField } from '../forwarding/head-edits.ts'
import type { HeadChanges, HeadersSettings, HeaderTemplate, Template } from '../runtime/filter-settings.ts'
import { isConstant, render } from './template.ts'

/** Sets, adds and removes fields of requests and responses. */
export class Headers implements Filter {
  readonly name: string
  readonly #settings: HeadersSettings
  readonly #ofRequest: Changes
  readonly #ofResponse: Changes

  constructor(settings: HeadersSettings) {
    this.name = settings.name ?? settings.type
    this.#settings = settings
    this.#ofRequest = new Changes(settings.request)
    this.#ofResponse = new Changes(settings.response)
  }

  request(request: FilteredRequest): undefined {
    this.#ofRequest.make(request, request)
  }

  response(response: FilteredResponse): undefined {
    this.#ofResponse.make(response, response.request)
  }

  forecast(): string | undefined {
    const { remove = [], default: kept } = this.#settings.response
    const words = [
      ...(remove.length > 0 ? [`removes ${remove.join(', ')}`] : []),
      ...(kept.length > 0 ? [`keeps the server's own ${kept.map(({ name }) => name).join(', ')}`] : []),
    ]
    return words.length > 0 ? words.join('; ') : undefined
  }
}

/** What of a head a filter sees and changes. */
type Subject = Pick<FilteredRequest, 'edits' | 'header'> | Pick<FilteredResponse, 'edits' | 'header'>

/** What is changed in each head. */
class Changes {
  readonly #remove: readonly string[]
  readonly #set: readonly FieldTemplate[]
  readonly #add: readonly FieldTemplate[]
  readonly #default: readonly FieldTemplate[]

  constructor({ remove = [], set, add, default: missing }: HeadChanges) {
    this.#remove = remove
    this.#set = set.map((each) => new FieldTemplate(each))
    this.#add = add.map((each) => new FieldTemplate(each))
    this.#default = missing.map((each) => new FieldTemplate(each))
  }

  make(subject: Subject, request: FilteredRequest): void {
    const { edits } = subject
    for (const name of this.#remove) edits.remove(name)
    for (const field of this.#set) edits.setField(field.of(request))
    for (const field of this.#add) edits.addField(field.of(request))
    for (const field of this.#default) {
      if (subject.header(field.lowerName) === undefined) edits.addField(field.of(request))
    }
  }
}

/** A field for each request. One whose value is always the same is ready. */
class FieldTemplate {
  readonly lowerName: string
  readonly #name: string
  readonly #value: Template
  readonly #ready: AddedField | undefined

  constructor({ name, value }: HeaderTemplate) {
    this.lowerName = name.toLowerCase()
    this.#name = name
    this.#value = value
    if (isConstant(value)) this.#ready = new AddedField(name, value.join(''))
  }

  of(request: FilteredRequest): AddedField {
    return this.#ready ?? new AddedField(this.#name, render(this.#value, request))
  }
}
