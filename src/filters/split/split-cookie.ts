import type { FilteredRequest } from '../../exchange/filtered-request.ts'
import type { FilteredResponse } from '../../exchange/filtered-response.ts'
import { POINTS } from '../../runtime/cohort.ts'

/** How many cookies of the name are considered in one request. */
const MAX_SHOWN = 4
const DIGITS = String(POINTS - 1).length
/** For how long a user keeps a point, in s: 400 days, which is as long as browsers allow. */
const MAX_AGE = 400 * 86_400

/**
 * The cookie that holds a user's point, as four digits. It is not signed: who changes it moves nobody else, and who may choose an
 * upstream is not decided by it.
 */
export class SplitCookie {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  /** The point in the first valid cookie of a request; undefined for none. */
  read(request: FilteredRequest): number | undefined {
    for (let after = 0; after < MAX_SHOWN; after++) {
      const text = request.sentCookie(this.#name, after)
      if (text === undefined) return undefined
      const point = pointOf(text)
      if (point !== undefined) return point
    }
    return undefined
  }

  /** Gives the client its point. */
  issue(point: number, { request, edits }: FilteredResponse): void {
    const secure = request.isSecure ? '; Secure' : ''
    const text = String(point).padStart(DIGITS, '0')
    edits.add('Set-Cookie', `${this.#name}=${text}; Path=/; Max-Age=${MAX_AGE}; HttpOnly; SameSite=Lax${secure}`)
    // No shared cache may give it to another client.
    edits.add('Cache-Control', 'private')
  }
}

/** The point that is written there; undefined for anything else than four digits. */
function pointOf(text: string): number | undefined {
  if (text.length !== DIGITS) return undefined
  let point = 0
  for (let at = 0; at < DIGITS; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return undefined
    point = point * 10 + digit
  }
  return point
}
