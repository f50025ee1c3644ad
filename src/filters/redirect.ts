import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { ownResponse } from '../exchange/own-response.ts'
import { asFieldValue } from '../forwarding/head-edits.ts'
import type { RedirectSettings } from '../runtime/filter-settings.ts'
import { LinearPattern } from '../runtime/linear-pattern.ts'
import { withGroups } from './groups.ts'
import { renderInTarget } from './template.ts'

/** Sends clients elsewhere: all of them, or those who ask for an address that a pattern matches. */
export class Redirect implements Filter {
  readonly name = 'redirect'
  readonly #settings: RedirectSettings
  readonly #pattern: LinearPattern | undefined

  constructor(settings: RedirectSettings) {
    this.#settings = settings
    this.#pattern = settings.pattern === undefined ? undefined : new LinearPattern(settings.pattern)
  }

  request(request: FilteredRequest): Verdict {
    const { status, location } = this.#settings
    const written = this.#pattern === undefined ? renderInTarget(location, request) : this.#replaced(request)
    if (written === undefined) return undefined
    const target = asFieldValue(written)
    request.note(this.name, `${status} to ${target}`)
    return ownResponse(status, [`Location: ${target}`], Buffer.alloc(0), request.received)
  }

  /** Undefined where the pattern does not match, or leads to the address itself: a client would go round in circles. */
  #replaced(request: FilteredRequest): string | undefined {
    const address = `${request.isSecure ? 'https' : 'http'}://${request.host}${request.target}`
    const match = this.#pattern!.match(address)
    if (match === undefined) return undefined
    const { start, end, groups } = match
    // The groups are of the address, as the client has written it: nothing in them is to be escaped.
    const template = this.#settings.location.map((part) =>
      typeof part === 'string' ? withGroups(part, groups, String) : part,
    )
    const changed = address.slice(0, start) + renderInTarget(template, request) + address.slice(end)
    return changed === address ? undefined : changed
  }
}
