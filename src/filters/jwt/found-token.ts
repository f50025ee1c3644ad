import type { FilteredRequest } from '../../exchange/filtered-request.ts'
import { unquoted } from '../../http1/cookie.ts'
import { unescaped } from '../../http1/query.ts'
import type { TokenPlace } from '../../runtime/filter-settings.ts'

/** The token of a request. */
export interface FoundToken {
  readonly token: string
  readonly place: TokenPlace
}

/** The token in the first of these places that has one; undefined for none. */
export function tokenIn(request: FilteredRequest, places: readonly TokenPlace[]): FoundToken | undefined {
  for (const place of places) {
    const token = tokenAt(request, place)
    if (token !== undefined && token !== '') return { token, place }
  }
  return undefined
}

function tokenAt(request: FilteredRequest, place: TokenPlace): string | undefined {
  switch (place.from) {
    case 'bearer':
      // RFC 6750 §2.1.
      return /^bearer +([\w.~+/=-]+)$/i.exec(request.header('authorization') ?? '')?.[1]
    case 'cookie':
      return unquoted(request.cookie(place.name) ?? '')
    case 'query':
      return unescaped(request.query(place.name) ?? '')
  }
}

/** Has servers not get the token: nothing of that name goes on. */
export function removeToken({ edits, fields, target }: FilteredRequest, place: TokenPlace): void {
  switch (place.from) {
    case 'bearer':
      return edits.remove('authorization')
    case 'cookie': {
      const cookies = fields
        .filter(([name]) => name.toLowerCase() === 'cookie')
        .flatMap(([, value]) => value.split(';'))
      const others = cookies
        .map((cookie) => cookie.trim())
        .filter((cookie) => nameOf(cookie) !== place.name && cookie !== '')
      if (others.length === 0) edits.remove('cookie')
      else edits.set('Cookie', others.join('; '))
      return
    }
    case 'query': {
      const mark = target.indexOf('?')
      const parameters = target.slice(mark + 1).split('&')
      const others = parameters.filter((parameter) => unescaped(nameOf(parameter)) !== place.name)
      edits.target = others.length === 0 ? target.slice(0, mark) : `${target.slice(0, mark)}?${others.join('&')}`
    }
  }
}

function nameOf(pair: string): string {
  return pair.split('=', 1)[0]!.trim()
}
