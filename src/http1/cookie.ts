import { isDigit, SEMICOLON, SPACE, TAB } from './bytes.ts'
import { FieldName } from './field-name.ts'
import type { Head } from './head.ts'

const EQUALS = 0x3d

/**
 * The pairs of a Cookie field (RFC 6265 §4.2), one after the other: where the pair in hand begins and ends, and where its
 * name ends and its value begins, without the white space around them.
 */
export class CookiePairs {
  start = 0
  end = 0
  nameEnd = 0
  valueStart = 0
  #bytes: Uint8Array = new Uint8Array(0)
  #next = 0
  #to = 0

  /** Begins with `bytes[from, to)`, the value of a Cookie field. */
  enter(bytes: Uint8Array, from: number, to: number): this {
    this.#bytes = bytes
    this.#next = from
    this.#to = to
    return this
  }

  /** Goes on to the next pair; returns whether there is one. A piece without an equals sign is a name without a value. */
  advance(): boolean {
    const bytes = this.#bytes
    const to = this.#to
    let at = this.#next
    while (at < to && (isBlank(bytes[at]!) || bytes[at] === SEMICOLON)) at++
    if (at >= to) return false
    this.start = at
    while (at < to && bytes[at] !== EQUALS && bytes[at] !== SEMICOLON) at++
    this.nameEnd = trimmed(bytes, this.start, at)
    if (bytes[at] === EQUALS && at < to) at++
    while (at < to && isBlank(bytes[at]!)) at++
    this.valueStart = at
    while (at < to && bytes[at] !== SEMICOLON) at++
    this.end = trimmed(bytes, this.valueStart, at)
    this.#next = at + 1
    return true
  }

  /** Whether the pair in hand has that name; case counts. */
  isNamed(name: string): boolean {
    if (this.nameEnd - this.start !== name.length) return false
    for (let i = 0; i < name.length; i++) {
      if (this.#bytes[this.start + i] !== name.charCodeAt(i)) return false
    }
    return true
  }
}

const pairs = new CookiePairs()

/**
 * The value of the first cookie of that name in a request, one character a byte; undefined where it has none.
 *
 * @param after how many cookies of the name are passed over
 */
export function cookieIn(head: Head, name: string, after = 0): string | undefined {
  let pending = after
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.Cookie) continue
    pairs.enter(head.bytes, head.valueStart(field), head.valueEnd(field))
    while (pairs.advance()) {
      if (pairs.isNamed(name) && pending-- === 0) return head.bytes.toString('latin1', pairs.valueStart, pairs.end)
    }
  }
  return undefined
}

/** A cookie's value without the quotes that may stand around it (RFC 6265 §4.1.1). */
export function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

const NONE: readonly string[] = []
const TAKEN_AWAY: readonly string[] = ['']

/**
 * The values, without quotes, of the cookies of that name with which a response leaves its client: one for each path, domain
 * and partition (RFC 6265 §5.3; CHIPS), the last one set counts. Where there is none and it takes one away that the request
 * may have shown, a single empty value.
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

/** The first of those names of which a response sets a cookie; undefined where it sets none of them. */
export function cookieSetAmong(head: Head, names: readonly string[]): string | undefined {
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.SetCookie) continue
    pairs.enter(head.bytes, head.valueStart(field), head.valueEnd(field))
    if (!pairs.advance()) continue
    for (const name of names) if (pairs.isNamed(name)) return name
  }
  return undefined
}

/** What the attributes of a Set-Cookie field say (RFC 6265 §5.2): of each one the last that is valid counts. */
class Attributes {
  path = ''
  /** Whether the cookie is over by now; Max-Age counts before Expires. */
  isOver = false
  #domain = ''
  #isPartitioned = false

  /** What tells the cookie from others of its name. Neither a path nor a domain holds a semicolon. */
  get identity(): string {
    return `${this.path};${this.#domain};${this.#isPartitioned}`
  }

  /** Reads those behind the current pair. */
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

/** In ms since 1970; undefined for what is no date. */
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

function trimmed(bytes: Uint8Array, from: number, to: number): number {
  let end = to
  while (end > from && isBlank(bytes[end - 1]!)) end--
  return end
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB
}
