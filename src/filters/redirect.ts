import { Failure } from '../exchange/failure.ts'
import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { ownResponse } from '../exchange/own-response.ts'
import { asFieldValue } from '../forwarding/head-edits.ts'
import type { RedirectSettings, Variable } from '../runtime/filter-settings.ts'
import { LinearPattern } from '../runtime/linear-pattern.ts'
import { GroupText } from './groups.ts'
import { partsOf } from './target.ts'
import { renderInTarget } from './template.ts'

/** What browsers take for the beginning of a host (the URL standard). */
const TO_HOST = /^[/\\]{2,}/
/** An address whose host is missing: browsers take what follows for it. */
const HOSTLESS = /^[a-z][a-z0-9+.-]*:[/\\]{2}(?:[/\\]|$)/i

/** Sends clients elsewhere: all of them, or those who ask for an address that a pattern matches. */
export class Redirect implements Filter {
  readonly name = 'redirect'
  readonly #settings: RedirectSettings
  readonly #pattern: LinearPattern | undefined
  /** With its groups, if there is a pattern. */
  readonly #location: readonly (GroupText | Variable)[]

  constructor(settings: RedirectSettings) {
    this.#settings = settings
    this.#pattern = settings.pattern === undefined ? undefined : new LinearPattern(settings.pattern)
    this.#location = settings.location.map((part) => (typeof part === 'string' ? new GroupText(part) : part))
  }

  request(request: FilteredRequest): Verdict {
    const { status, location } = this.#settings
    const written = this.#pattern === undefined ? renderInTarget(location, request) : this.#replaced(request)
    if (written === undefined) return undefined
    const target = asFieldValue(written)
    const [address, query] = partsOf(target)
    // A query may have secrets that are logged nowhere else.
    request.note(this.name, `to ${address}${query === '' ? '' : '?…'}`)
    if (HOSTLESS.test(target)) return new Failure('bad-request', 'it names no host')
    return ownResponse(status, [`Location: ${this.#onThisHost(target)}`], Buffer.alloc(0), request.received)
  }

  /** A path that the client has chosen cannot become another host, as `//host` and, to browsers, `/\host` would. */
  #onThisHost(target: string): string {
    const [first] = this.#settings.location
    const isMeant = typeof first === 'string' && TO_HOST.test(first)
    return isMeant ? target : target.replace(TO_HOST, '/')
  }

  /** Undefined where the pattern does not match, or leads to the address itself: a client would go round in circles. */
  #replaced(request: FilteredRequest): string | undefined {
    const address = `${request.isSecure ? 'https' : 'http'}://${request.host}${request.target}`
    const match = this.#pattern!.match(address)
    if (match === undefined) return undefined
    const { start, end, groups } = match
    // The groups are of the address, as the client has written it: nothing in them is to be escaped.
    const template = this.#location.map((part) => (part instanceof GroupText ? part.with(groups, String) : part))
    const changed = address.slice(0, start) + renderInTarget(template, request) + address.slice(end)
    return changed === address ? undefined : changed
  }
}
