import type { Filter } from '../exchange/filter.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import { type OwnResponse, ownPage } from '../exchange/own-response.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { ErrorPagesSettings } from '../runtime/filter-settings.ts'
import { Page } from './page.ts'

/** Gives clients pages of the operator's own in the place of errors, of servers and of Limpet. */
export class ErrorPages implements Filter {
  readonly name = 'errorPages'
  readonly #pages: readonly (ErrorPagesSettings['pages'][number] & { readonly page: Page })[]

  constructor({ pages }: ErrorPagesSettings, context: WorkerContext) {
    this.#pages = pages.map((settings) => ({ ...settings, page: new Page(settings.body, context) }))
  }

  response(response: FilteredResponse): OwnResponse | undefined {
    const { status, request, isOwn, isReplacement } = response
    if (isReplacement || (isOwn && status < 400)) return undefined
    const found = this.#pages.find(({ from, to }) => status >= from && status <= to)
    if (found === undefined) return undefined
    request.note(this.name, `a page of its own for ${status}`)
    const kept = ['retry-after', 'www-authenticate', 'allow'].flatMap((name) =>
      response.values(name).map((value) => `${name}: ${value}`),
    )
    return ownPage(status, [`Content-Type: ${found.contentType}`, ...kept], found.page.bytes, request.received)
  }
}
