import type { Filter } from '../exchange/filter.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { AnswersSettings } from '../runtime/filter-settings.ts'

type Replacement = readonly [from: string, to: string]

/** Rewrites what answers say of addresses: Location, and the paths and domains of cookies. */
export class Answers implements Filter {
  readonly name = 'answers'
  readonly #settings: AnswersSettings

  constructor(settings: AnswersSettings) {
    this.#settings = settings
  }

  response(response: FilteredResponse): undefined {
    if (response.isOwn) return
    const { location, cookiePath, cookieDomain } = this.#settings
    if (location.length > 0) this.#rewrite(response, 'Location', (value) => begun(value, location))
    if (cookiePath.length === 0 && cookieDomain.length === 0) return
    this.#rewrite(response, 'Set-Cookie', (value) => rewrittenCookie(value, cookiePath, cookieDomain))
  }

  forecast(): string {
    const { location, cookiePath, cookieDomain } = this.#settings
    return [
      ...location.map(inWords('Location')),
      ...cookiePath.map(inWords('paths of cookies')),
      ...cookieDomain.map(inWords('domains of cookies')),
    ].join(', ')
  }

  #rewrite(response: FilteredResponse, name: string, rewritten: (value: string) => string): void {
    const values = response.values(name.toLowerCase())
    const next = values.map(rewritten)
    if (next.every((value, index) => value === values[index])) return
    response.edits.remove(name)
    for (const value of next) response.edits.add(name, value)
  }
}

function inWords(what: string): (replacement: Replacement) => string {
  return ([from, to]) => `${what} ${from} → ${to === '' ? 'none' : to}`
}

/** The value with another beginning: that of the longest one that it has. */
function begun(value: string, replacements: readonly Replacement[]): string {
  let longest: Replacement | undefined
  for (const each of replacements) {
    if (value.startsWith(each[0]) && each[0].length >= (longest?.[0].length ?? 0)) longest = each
  }
  return longest === undefined ? value : longest[1] + value.slice(longest[0].length)
}

/** The attributes of a cookie follow its value, separated by semicolons (RFC 6265 §4.1). */
function rewrittenCookie(cookie: string, paths: readonly Replacement[], domains: readonly Replacement[]): string {
  const [pair, ...attributes] = cookie.split(';')
  const rewritten = attributes.map((attribute) => {
    const equals = attribute.indexOf('=')
    const name = attribute.slice(0, Math.max(0, equals)).trim().toLowerCase()
    if (name !== 'path' && name !== 'domain') return attribute
    const value = attribute.slice(equals + 1).trim()
    if (name === 'path') return ` Path=${begun(value, paths)}`
    const domain = value.replace(/^\./, '').toLowerCase()
    const to = domains.find(([from]) => from === domain)?.[1]
    // Without a domain, the cookie is for the host of the request only.
    return to === undefined ? attribute : to === '' ? undefined : ` Domain=${to}`
  })
  return [pair, ...rewritten.filter((attribute) => attribute !== undefined)].join(';')
}
