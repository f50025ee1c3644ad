import type { FilteredRequest } from '../../exchange/filtered-request.ts'
import { unquoted } from '../../http1/cookie.ts'
import { unescaped } from '../../http1/query.ts'
import type { TokenPlace } from '../../runtime/filter-settings.ts'
import { partsOf } from '../target.ts'

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

/**
 * Passes on the token that was verified, or none. Of all places where requests have tokens nothing else goes on: a server that reads
 * another one than Limpet has read would believe what nobody has verified.
 *
 * @param passed undefined for none
 */
export function passToken(request: FilteredRequest, places: readonly TokenPlace[], passed?: FoundToken): void {
  for (const place of places) passAt(request, place, place === passed?.place)
}

/** @param isPassed whether the first token at that place, which was verified, goes on */
function passAt(request: FilteredRequest, place: TokenPlace, isPassed: boolean): void {
  const { edits } = request
  switch (place.from) {
    case 'bearer': {
      const values = valuesOf(request, 'authorization')
      // Credentials of another kind may be the server's own.
      const kept = isPassed ? values.slice(0, 1) : values.filter((value) => !/^bearer(?: |$)/i.test(value))
      if (kept.length === values.length) return
      edits.remove('authorization')
      for (const value of kept) edits.add('Authorization', value)
      return
    }
    case 'cookie': {
      if (request.cookie(place.name) === undefined) return
      const pairs = valuesOf(request, 'cookie')
        .flatMap((value) => value.split(';'))
        .map((pair) => pair.trim())
      const kept = others(pairs, (pair) => nameOf(pair) === place.name, isPassed).filter((pair) => pair !== '')
      edits.remove('cookie')
      if (kept.length > 0) edits.add('Cookie', kept.join('; '))
      return
    }
    case 'query': {
      if (request.query(place.name) === undefined) return
      const [path, query] = partsOf(request.target)
      const kept = others(query.slice(1).split('&'), (pair) => unescaped(nameOf(pair)) === place.name, isPassed)
      edits.target = kept.length === 0 ? path : `${path}?${kept.join('&')}`
    }
  }
}

/** The pairs without those of that name, or with the first one of them that has a value. */
function others(pairs: readonly string[], isOfName: (pair: string) => boolean, isPassed: boolean): string[] {
  let isNext = isPassed
  return pairs.filter((pair) => {
    if (!isOfName(pair)) return true
    const isKept = isNext && pair.includes('=')
    if (isKept) isNext = false
    return isKept
  })
}

function valuesOf({ fields }: FilteredRequest, wanted: string): string[] {
  return fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
}

function nameOf(pair: string): string {
  return pair.split('=', 1)[0]!.trim()
}
