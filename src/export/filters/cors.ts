import type { Problem } from '../../config/error.ts'
import { block, type Directive, directive } from '../directive.ts'
import { pcreLiteral } from '../expression.ts'
import { when } from '../refusal.ts'
import { type Exported, earlier, type FilterExport, isOf, type Of, type Standing } from './filter-export.ts'
import { addResponseHeader } from './response-header.ts'

type Cors = Of<'cors'>

/** Filters that Limpet asks before it answers a preflight that comes after them. */
const gates = ['allow', 'deny', 'rateLimit', 'concurrencyLimit', 'basicAuth', 'forwardAuth', 'jwt'] as const

const PREFLIGHT = '$limpet_is_preflight'

/** What servers say of it themselves does not count. */
const decided = ['Allow-Origin', 'Allow-Credentials', 'Expose-Headers'].map((name) => `Access-Control-${name}`)

export const cors: FilterExport<Cors> = {
  isOnly: true,
  directives: ({ filter, word }) => {
    const { origins, methods, headers, expose, credentials, maxAge } = filter
    const told = new ToldOrigins(word, origins)
    const allowed = headers === 'any' ? '$http_access_control_request_headers' : headers.join(', ')
    const response = [
      ...(origins === 'any' ? [] : [addResponseHeader('Vary', 'Origin')]),
      told.header('Access-Control-Allow-Origin', told.origin),
      ...(credentials ? [told.header('Access-Control-Allow-Credentials', 'true')] : []),
      ...(expose.length > 0 ? [told.header('Access-Control-Expose-Headers', expose.join(', '))] : []),
    ]
    const ofPreflights = [
      told.header('Access-Control-Allow-Methods', methods.join(', ')),
      ...(allowed === '' ? [] : [told.header('Access-Control-Allow-Headers', allowed)]),
      told.header('Access-Control-Max-Age', String(Math.floor(maxAge / 1000))),
      told.header('Vary', 'Access-Control-Request-Method, Access-Control-Request-Headers'),
    ]
    const exported: Exported = {
      shared: [preflights, ...told.maps],
      passing: decided.map((name) => directive('proxy_hide_header', name)),
      response,
      shortcut: ({ ownResponse }) =>
        block(
          'if',
          [`(${PREFLIGHT})`],
          [...ownResponse.filter(({ name }) => name === 'add_header'), ...ofPreflights, directive('return', 204)],
        ),
    }
    return exported
  },
  problems: (standing) => [...inexpressibleTexts(standing), ...afterOthers(standing)],
  changes: () => decided.map((name) => `response ${name.toLowerCase()}`),
}

function inexpressibleTexts({ filter: { methods, headers, expose }, path }: Standing<Cors>): Problem[] {
  return when(
    [methods, headers === 'any' ? [] : headers, expose].flat().some((name) => name.includes('$')),
    path,
    'nginx has no $ in a text',
    'leave these names out',
  )
}

function afterOthers(standing: Standing<Cors>): Problem[] {
  return when(
    earlier(standing).some((each) => isOf(each, ...gates, 'redirect', 'respond')),
    standing.path,
    'nginx answers preflights before it asks anything else',
    `put it before ${gates.join(', ')}, redirect and respond`,
  )
}

/** Browsers ask with OPTIONS and two headers. */
const preflights = block(
  'map',
  ['$request_method:$http_access_control_request_method:$http_origin', PREFLIGHT],
  [directive('default', ''), directive('~^OPTIONS:[^:]+:.', 1)],
)

/** What only the pages of some origins are told. */
class ToldOrigins {
  /** The origin that is told; empty for one that may not read answers. */
  readonly origin: string
  readonly maps: Directive[] = []
  readonly #word: string
  readonly #isAny: boolean

  constructor(word: string, origins: Cors['origins']) {
    this.#word = word
    this.#isAny = origins === 'any'
    this.origin = this.#isAny ? '*' : `$limpet_cors_${word}`
    if (origins === 'any') return
    const cases = origins.map((each) => directive(`~^${patternOf(each)}$`, '$http_origin'))
    this.maps.push(block('map', ['$http_origin', this.origin], [directive('default', ''), ...cases]))
  }

  /** A header that the others do not get. */
  header(name: string, value: string): Directive {
    if (this.#isAny || value === this.origin) return addResponseHeader(name, value)
    const variable = `$limpet_cors_${this.#word}_${this.maps.length}`
    this.maps.push(block('map', [this.origin, variable], [directive('default', value), directive('', '')]))
    return addResponseHeader(name, variable)
  }
}

/** A plain value of a map would ignore case. */
function patternOf(origin: string): string {
  return pcreLiteral(origin).replace('\\*', '.+')
}
