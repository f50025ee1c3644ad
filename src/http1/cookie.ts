import { SEMICOLON, SPACE, TAB } from './bytes.ts'
import { FieldName } from './field-name.ts'
import type { Head } from './head.ts'

const EQUALS = 0x3d

/**
 * The pairs of a Cookie field (RFC 6265 §4.2), one after the other: where the current pair begins and ends, and where its
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
    while (at < to && (bytes[at] === SEMICOLON || isBlank(bytes[at]!))) at++
    if (at >= to) return false
    const start = at
    while (at < to && bytes[at] !== EQUALS && bytes[at] !== SEMICOLON) at++
    this.start = start
    this.nameEnd = trimmed(bytes, start, at)
    if (at < to && bytes[at] === EQUALS) {
      at++
      while (at < to && isBlank(bytes[at]!)) at++
    }
    this.valueStart = at
    while (at < to && bytes[at] !== SEMICOLON) at++
    this.end = trimmed(bytes, this.valueStart, at)
    this.#next = at + 1
    return true
  }

  /** Goes on to the next pair of that name; it looks once at each byte of the pairs that it skips. */
  seek(name: string): boolean {
    const bytes = this.#bytes
    const to = this.#to
    const first = name.charCodeAt(0)
    let at = this.#next
    while (at < to) {
      while (at < to && (bytes[at] === SEMICOLON || isBlank(bytes[at]!))) at++
      if (at < to && bytes[at] === first) {
        this.#next = at
        if (this.#beginsWith(name) && this.advance() && this.isNamed(name)) return true
      }
      while (at < to && bytes[at] !== SEMICOLON) at++
    }
    this.#next = at
    return false
  }

  #beginsWith(name: string): boolean {
    const next = this.#next
    if (this.#to - next < name.length) return false
    for (let i = 1; i < name.length; i++) {
      if (this.#bytes[next + i] !== name.charCodeAt(i)) return false
    }
    return true
  }

  /** Whether the current pair has that name (case-sensitive). */
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
 * The value of the first cookie of that name in a request, one character a byte; undefined if it has none.
 *
 * @param after how many cookies of the name to skip
 */
export function cookieIn(head: Head, name: string, after = 0): string | undefined {
  let pending = after
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.Cookie) continue
    pairs.enter(head.bytes, head.valueStart(field), head.valueEnd(field))
    while (pairs.seek(name)) {
      if (pending-- === 0) return head.bytes.toString('latin1', pairs.valueStart, pairs.end)
    }
  }
  return undefined
}

/** The same among the values of Cookie fields that are texts. */
export function cookieAmong(values: readonly string[], name: string, after = 0): string | undefined {
  let pending = after
  for (const value of values) {
    pairs.enter(Buffer.from(value, 'latin1'), 0, value.length)
    while (pairs.seek(name)) if (pending-- === 0) return value.slice(pairs.valueStart, pairs.end)
  }
  return undefined
}

/** A cookie's value without the quotes that may surround it (RFC 6265 §4.1.1). */
export function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

function trimmed(bytes: Uint8Array, from: number, to: number): number {
  let end = to
  while (end > from && isBlank(bytes[end - 1]!)) end--
  return end
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB
}
