import { EQUALS, isDigit } from './bytes.ts'
import { CookiePairs, unquoted } from './cookie.ts'
import type { CookieNames } from './cookie-names.ts'
import { FieldName } from './field-name.ts'
import type { Head } from './head.ts'

const pairs = new CookiePairs()

const NONE: readonly string[] = []
const TAKEN_AWAY: readonly string[] = ['']

/**
 * The values, without quotes, of the cookies of that name that a client has after a response: one for each path, domain and
 * partition (RFC 6265 §5.3; CHIPS), of which the last one set counts. If there is none, and the response deletes one that the
 * request may have carried, a single empty value.
 *
 * @param path the request's
 * @param now in s since 1970
 */
export function setCookiesIn(head: Head, name: string, path: string, now: number): readonly string[] {
  let jar: Map<string, string> | undefined
  let takesAway = false
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.SetCookie) continue
    pairs.enter(head.bytes, head.valueStart(field), head.valueEnd(field))
    if (!pairs.advance() || !pairs.isNamed(name)) continue
    const value = unquoted(head.bytes.toString('latin1', pairs.valueStart, pairs.end))
    attributes.read(head.bytes, path, now)
    jar ??= new Map()
    const { identity } = attributes
    jar.delete(identity)
    if (value !== '' && !attributes.isOver) jar.set(identity, value)
    else takesAway ||= covers(attributes.path, path)
  }
  if (jar === undefined) return NONE
  if (jar.size > 0) return [...jar.values()]
  return takesAway ? TAKEN_AWAY : NONE
}

/** The first of those names that a response sets a cookie of; undefined if it sets none of them. */
export function cookieSetAmong(head: Head, names: CookieNames): string | undefined {
  const { bytes } = head
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.SetCookie) continue
    pairs.enter(bytes, head.valueStart(field), head.valueEnd(field))
    if (!pairs.advance() || !names.find(bytes, pairs.start, pairs.end)) continue
    return bytes.toString('latin1', names.start, bytes.indexOf(EQUALS, names.start)).trimEnd()
  }
  return undefined
}

/** The attributes of a Set-Cookie field (RFC 6265 §5.2): the last valid one of each counts. */
class Attributes {
  path = ''
  /** Whether the cookie is over by now; Max-Age counts before Expires. */
  isOver = false
  #domain = ''
  #isPartitioned = false

  /** What distinguishes the cookie from others of its name. Neither a path nor a domain contains a semicolon. */
  get identity(): string {
    return `${this.path};${this.#domain};${this.#isPartitioned}`
  }

  /** Reads those after the current pair. */
  read(bytes: Buffer, requestPath: string, now: number): void {
    let maxAge: string | undefined
    let expires = Infinity
    this.path = this.#domain = ''
    this.#isPartitioned = false
    while (pairs.advance()) {
      const value = bytes.toString('latin1', pairs.valueStart, pairs.end)
      switch (bytes.toString('latin1', pairs.start, pairs.nameEnd).toLowerCase()) {
        case 'path':
          this.path = value
          break
        case 'domain':
          this.#domain = (value.startsWith('.') ? value.slice(1) : value).toLowerCase()
          break
        case 'partitioned':
          this.#isPartitioned = true
          break
        case 'max-age':
          if (isInteger(value)) maxAge = value
          break
        case 'expires':
          expires = timeOf(value) ?? expires
      }
    }
    if (!this.path.startsWith('/')) this.path = folderOf(requestPath)
    this.isOver = maxAge === undefined ? expires <= now * 1000 : Number(maxAge) <= 0
  }
}

const attributes = new Attributes()

/** In ms since 1970; undefined if it is not a date. */
function timeOf(date: string): number | undefined {
  const time = Date.parse(date)
  return Number.isNaN(time) ? undefined : time
}

function isInteger(text: string): boolean {
  const from = text.startsWith('-') ? 1 : 0
  for (let at = from; at < text.length; at++) if (!isDigit(text.charCodeAt(at))) return false
  return text.length > from
}

/** The path of a cookie that has none of its own (RFC 6265 §5.1.4). */
function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}

/** Whether a cookie of that path is sent with a request for that other one (RFC 6265 §5.1.4). */
function covers(path: string, requested: string): boolean {
  return (
    requested.startsWith(path) &&
    (requested.length === path.length || path.endsWith('/') || requested[path.length] === '/')
  )
}
