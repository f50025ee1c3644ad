import { Failure } from '../exchange/failure.ts'
import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { ownResponse } from '../exchange/own-response.ts'
import { asFieldValue } from '../forwarding/head-edits.ts'
import type { RedirectSettings } from '../runtime/filter-settings.ts'
import { partsOf } from './target.ts'
import { renderInTarget } from './template.ts'

/** What browsers take for the beginning of a host (the URL standard). */
const TO_HOST = /^[/\\]{2,}/
/** An address whose host is missing: browsers take what follows for it. */
const HOSTLESS = /^[a-z][a-z0-9+.-]*:[/\\]{2}(?:[/\\]|$)/i

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
    // A query may have secrets that are logged nowhere else.
    request.note(this.name, `${status} to ${partsOf(target)[0]}`)
    if (HOSTLESS.test(target)) return new Failure('bad-request', 'it names no host')
    return ownResponse(status, [`Location: ${this.#onThisHost(target)}`], Buffer.alloc(0), request.received)
  }

  /** A path that the client has chosen cannot become another host, as `//host` and, to browsers, `/\host` would. */
  #onThisHost(target: string): string {
    const [first] = this.#settings.location
    const isMeant = typeof first === 'string' && TO_HOST.test(first)
    return isMeant ? target : target.replace(TO_HOST, '/')
  }
}
