import { EQUALS, isBlank, SEMICOLON } from './bytes.ts'
import { hashByte } from './name-hash.ts'

/** A set of cookie names. Finding their pairs in a Cookie field costs the same however many names there are. */
export class CookieNames {
  /** Where the last pair that `find` found begins and ends, without the white space after it. */
  start = 0
  end = 0
  readonly #byHash = new Map<number, Buffer[]>()
  /** 1 for each length that a name has. */
  readonly #lengths: Uint8Array

  constructor(names: Iterable<string>) {
    const all = Array.from(new Set(names), (name) => Buffer.from(name, 'latin1'))
    this.#lengths = new Uint8Array(all.reduce((longest, { length }) => Math.max(longest, length), 0) + 1)
    for (const name of all) {
      const hash = hashOf(name, 0, name.length)
      this.#byHash.set(hash, (this.#byHash.get(hash) ?? []).concat(name))
      this.#lengths[name.length] = 1
    }
  }

  get isEmpty(): boolean {
    return this.#byHash.size === 0
  }

  /** Finds the next pair in `bytes[from, to)` that has one of the names (case-sensitive). `from` is where a pair may begin. */
  find(bytes: Uint8Array, from: number, to: number): boolean {
    const lengths = this.#lengths
    for (let at = from; at < to; at++) {
      let byte = bytes[at]!
      if (isBetweenPairs(byte)) continue
      const start = at
      for (; at < to && byte !== EQUALS && byte !== SEMICOLON; byte = bytes[at]!) at++
      let nameEnd = at
      while (nameEnd > start && isBlank(bytes[nameEnd - 1]!)) nameEnd--
      for (; at < to && byte !== SEMICOLON; byte = bytes[at]!) at++
      if (lengths[nameEnd - start] === 1 && this.#include(bytes, start, nameEnd)) {
        this.start = start
        this.end = at
        return true
      }
    }
    return false
  }

  #include(bytes: Uint8Array, from: number, to: number): boolean {
    const candidates = this.#byHash.get(hashOf(bytes, from, to))
    if (candidates === undefined) return false
    for (let c = 0; c < candidates.length; c++) {
      if (isEqual(bytes, from, to, candidates[c]!)) return true
    }
    return false
  }
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0
  for (let at = from; at < to; at++) hash = hashByte(hash, bytes[at]!)
  return hash
}

function isEqual(bytes: Uint8Array, from: number, to: number, name: Uint8Array): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    if (bytes[from + i] !== name[i]) return false
  }
  return true
}

/** The value of a Cookie field, one character a byte, without the pairs of those names; empty if there are no others. */
export function withoutCookies(value: string, names: CookieNames): string {
  const bytes = Buffer.from(value, 'latin1')
  const kept: string[] = []
  let from = 0
  while (names.find(bytes, from, bytes.length)) {
    kept.push(value.slice(from, names.start))
    from = names.end
  }
  if (from === 0) return value
  kept.push(value.slice(from))
  return kept
    .map((pairs) => pairs.replace(/^[;\s]+|[;\s]+$/g, ''))
    .filter((pairs) => pairs !== '')
    .join('; ')
}

/** Semicolons, and white space around them. */
export function isBetweenPairs(byte: number): boolean {
  return byte === SEMICOLON || isBlank(byte)
}
