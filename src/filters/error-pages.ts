import type { Filter } from '../exchange/filter.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import { type OwnResponse, ownResponse } from '../exchange/own-response.ts'
import type { ErrorPagesSettings } from '../runtime/filter-settings.ts'

/** Gives clients pages of the operator's own in the place of errors, of servers and of Limpet. */
export class ErrorPages implements Filter {
  readonly name = 'errorPages'
  readonly #settings: ErrorPagesSettings

  constructor(settings: ErrorPagesSettings) {
    this.#settings = settings
  }

  forecast(): string {
    const statuses = this.#settings.pages.map(({ from, to }) => (from === to ? String(from) : `${from} to ${to}`))
    return `has a page of its own if its status is ${statuses.join(', ')}`
  }

  response(response: FilteredResponse): OwnResponse | undefined {
    const { status, request, isOwn, isReplacement } = response
    if (isReplacement || (isOwn && status < 400)) return undefined
    const page = this.#settings.pages.find(({ from, to }) => status >= from && status <= to)
    if (page === undefined) return undefined
    request.note(this.name, `a page of its own for ${status}`)
    const kept = ['retry-after', 'www-authenticate', 'allow'].flatMap((name) =>
      response.values(name).map((value) => `${name}: ${value}`),
    )
    const { body, contentType } = page
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
    return ownResponse(status, [`Content-Type: ${contentType}`, ...kept], bytes, request.received)
  }
}
