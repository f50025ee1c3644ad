import { SEMICOLON, SPACE, TAB } from './bytes.ts'
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

/**
 * The value of the last cookie of that name that a response sets (RFC 6265 §4.1): empty where that takes the cookie away,
 * undefined where it sets none.
 *
 * @param now in s since 1970
 */
export function setCookieIn(head: Head, name: string, now: number): string | undefined {
  for (let field = head.count - 1; field >= 0; field--) {
    if (head.names[field] !== FieldName.SetCookie) continue
    pairs.enter(head.bytes, head.valueStart(field), head.valueEnd(field))
    if (!pairs.advance() || !pairs.isNamed(name)) continue
    const value = head.bytes.toString('latin1', pairs.valueStart, pairs.end)
    return value === '' || isOver(head.bytes, now) ? '' : value
  }
  return undefined
}

/** Whether the attributes after the pair in hand say that the cookie is over by now; Max-Age counts before Expires. */
function isOver(bytes: Buffer, now: number): boolean {
  let isOver = false
  while (pairs.advance()) {
    const attribute = bytes.toString('latin1', pairs.start, pairs.nameEnd).toLowerCase()
    if (attribute !== 'max-age' && attribute !== 'expires') continue
    const value = bytes.toString('latin1', pairs.valueStart, pairs.end)
    const seconds = Number(value)
    if (attribute === 'max-age' && value !== '' && !Number.isNaN(seconds)) return seconds <= 0
    if (attribute === 'expires') isOver = Date.parse(value) <= now * 1000
  }
  return isOver
}

function trimmed(bytes: Uint8Array, from: number, to: number): number {
  let end = to
  while (end > from && isBlank(bytes[end - 1]!)) end--
  return end
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB
}
