import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import { ownResponse } from '../exchange/own-response.ts'
import type { CorsSettings } from '../runtime/filter-settings.ts'

const NOTHING = Buffer.alloc(0)

/** Says which pages of other origins may read answers (the Fetch standard, CORS protocol), and answers their preflights. */
export class Cors implements Filter {
  readonly name = 'cors'
  readonly #settings: CorsSettings

  constructor(settings: CorsSettings) {
    this.#settings = settings
  }

  request(request: FilteredRequest): Verdict {
    const isPreflight = request.method === 'OPTIONS' && request.header('access-control-request-method') !== undefined
    if (!isPreflight || request.header('origin') === undefined) return undefined
    const { methods, headers, maxAge } = this.#settings
    const isAllowed = this.#allowed(request) !== undefined
    request.note(this.name, isAllowed ? 'preflight answered' : 'preflight of an origin that is not allowed')
    const wanted = headers === 'any' ? request.header('access-control-request-headers') : headers.join(', ')
    const lines = [
      `Access-Control-Allow-Methods: ${methods.join(', ')}`,
      ...(wanted === undefined || wanted === '' ? [] : [`Access-Control-Allow-Headers: ${wanted}`]),
      `Access-Control-Max-Age: ${Math.floor(maxAge / 1000)}`,
      'Vary: Access-Control-Request-Method, Access-Control-Request-Headers',
    ]
    return ownResponse(204, isAllowed ? lines : [], NOTHING, request.received)
  }

  response({ edits, request }: FilteredResponse): undefined {
    const { credentials, expose } = this.#settings
    for (const name of ['Allow-Origin', 'Allow-Credentials', 'Expose-Headers']) edits.remove(`Access-Control-${name}`)
    const origin = this.#allowed(request)
    if (origin !== '*') edits.add('Vary', 'Origin')
    if (origin === undefined) return
    edits.add('Access-Control-Allow-Origin', origin)
    if (credentials) edits.add('Access-Control-Allow-Credentials', 'true')
    if (expose.length > 0) edits.add('Access-Control-Expose-Headers', expose.join(', '))
  }

  /** What the origin of the request is told; undefined if it may not read answers. */
  #allowed(request: FilteredRequest): string | undefined {
    const { origins, credentials } = this.#settings
    const origin = request.header('origin')
    if (origins === 'any' && !credentials) return '*'
    if (origin === undefined || origins === 'any') return origin
    return origins.some((each) => isOrigin(origin, each)) ? origin : undefined
  }
}

/** @param allowed `https://www.example.org`, or `https://*.example.org` for every name below it */
function isOrigin(origin: string, allowed: string): boolean {
  const star = allowed.indexOf('*.')
  if (star < 0) return origin === allowed
  const rest = allowed.slice(star + 1)
  return origin.length > allowed.length - 1 && origin.startsWith(allowed.slice(0, star)) && origin.endsWith(rest)
}
