import { HeadEdits } from '../forwarding/head-edits.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { FilteredRequest } from './filtered-request.ts'
import type { OwnResponse } from './own-response.ts'

/** The response to a request that filters have seen, on its way back through them. */
export abstract class FilteredResponse {
  readonly edits = new HeadEdits()
  readonly request: FilteredRequest

  constructor(request: FilteredRequest) {
    this.request = request
  }

  /** Whether Limpet itself has made it. */
  abstract readonly isOwn: boolean
  /** Whether it is the operator's own page. */
  abstract readonly isPage: boolean
  /** Whether the request may be sent to another server instead. */
  abstract readonly mayRetry: boolean
  abstract readonly status: number

  /** The values of all fields of that (lower-case) name, as the client gets them. */
  values(name: string): readonly string[] {
    const own = this.edits.removes(name) ? [] : this.written(name)
    return [...own, ...this.edits.addedValues(name)]
  }

  /** The same as they are written in its head. */
  protected abstract written(name: string): string[]

  /** The value of the first field of that (lower-case) name; undefined for none. */
  abstract header(name: string): string | undefined
}

/** What an exchange knows of its attempts. */
export interface Retries {
  /** Whether another server may be asked, although one has answered. */
  readonly mayAskAnother: boolean
}

/** That of a server. Its head is valid until the next one is read. */
export class ServerResponse extends FilteredResponse {
  readonly isOwn = false
  readonly isPage = false
  readonly #head: ResponseHead
  readonly #retries: Retries

  constructor(request: FilteredRequest, head: ResponseHead, retries: Retries) {
    super(request)
    this.#head = head
    this.#retries = retries
  }

  get mayRetry(): boolean {
    return this.#retries.mayAskAnother
  }

  get status(): number {
    return this.#head.status
  }

  protected override written(name: string): string[] {
    const head = this.#head
    const values: string[] = []
    for (let field = head.findNamed(name); field >= 0; field = head.findNamed(name, field + 1))
      values.push(head.value(field))
    return values
  }

  override header(name: string): string | undefined {
    return this.edits.valueIn(this.#head, name)
  }
}

/** One of Limpet's own. */
export class OwnFilteredResponse extends FilteredResponse {
  readonly isOwn = true
  readonly mayRetry = false
  readonly #response: OwnResponse

  constructor(request: FilteredRequest, response: OwnResponse) {
    super(request)
    this.#response = response
  }

  get isPage(): boolean {
    return this.#response.isPage === true
  }

  get status(): number {
    return this.#response.status
  }

  protected override written(name: string): string[] {
    const lines = this.#response.lines.filter((line) => nameOf(line).toLowerCase() === name)
    return lines.map((line) => line.slice(line.indexOf(':') + 2))
  }

  override header(name: string): string | undefined {
    return this.values(name)[0]
  }

  /** What the client gets. */
  get edited(): OwnResponse {
    const { edits } = this
    const { lines, fields } = this.#response
    const kept = lines.filter((line) => !edits.removes(nameOf(line)))
    return { ...this.#response, lines: kept, fields: fields + edits.lines }
  }
}

function nameOf(line: string): string {
  return line.slice(0, line.indexOf(':'))
}
