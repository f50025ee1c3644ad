import { EQUALS, HEX, PERCENT, SPACE } from './bytes.ts'

const PLUS = 0x2b

/** The most parameters that are looked at; applications' parsers stop there, too (Node's, Express's, PHP's). */
const MAX_PARAMETERS = 1000

/**
 * The value of the first parameter of that name in a target's query, unchanged: the name may be escaped, and the value is
 * not unescaped. Undefined if there is none among the first thousand.
 *
 * @param after how many parameters of the name to skip
 */
export function parameterIn(target: string, name: string, after = 0): string | undefined {
  let pending = after
  let separator = target.indexOf('?')
  for (let count = 0; separator >= 0 && count < MAX_PARAMETERS; count++) {
    const from = separator + 1
    separator = target.indexOf('&', from)
    const value = afterName(target, from, name)
    if (value > 0 && pending-- === 0) return target.slice(value, separator < 0 ? target.length : separator)
  }
  return undefined
}

/** Whether a target's query has a parameter of that name, also one without a value (`?debug`), among the first thousand. */
export function hasParameterIn(target: string, name: string): boolean {
  let separator = target.indexOf('?')
  for (let count = 0; separator >= 0 && count < MAX_PARAMETERS; count++) {
    const end = endOfName(target, separator + 1, name)
    if (end > 0 && (end === target.length || target[end] === '=' || target[end] === '&')) return true
    separator = target.indexOf('&', separator + 1)
  }
  return false
}

/** Where the value of the parameter that begins at `from` begins; 0 if it has another name, or no value. */
function afterName(target: string, from: number, name: string): number {
  const at = endOfName(target, from, name)
  return at > 0 && target.charCodeAt(at) === EQUALS ? at + 1 : 0
}

/** Where that name ends, which may be escaped; 0 if there is another one. */
function endOfName(target: string, from: number, name: string): number {
  let at = from
  for (let i = 0; i < name.length; i++) {
    const wanted = name.charCodeAt(i)
    const found = target.charCodeAt(at)
    if (found === wanted) at++
    else if (found === PERCENT && escapedAt(target, at) === wanted) at += 3
    else if (found === PLUS && wanted === SPACE) at++
    else return 0
  }
  return at
}

/** The byte that is escaped at that offset; 256 if there is no escape. */
function escapedAt(target: string, at: number): number {
  const high = HEX[target.charCodeAt(at + 1)] ?? 255
  const low = HEX[target.charCodeAt(at + 2)] ?? 255
  return low === 255 ? 256 : high * 16 + low
}

/**
 * A name or a value of a query as it was before it was escaped (WHATWG URL, application/x-www-form-urlencoded), one
 * character a byte before and after. An invalid escape stays as it is.
 */
export function unescaped(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  const bytes = Buffer.from(text, 'latin1')
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    const high = byte === PERCENT && at + 2 < bytes.length ? HEX[bytes[at + 1]!]! : 255
    const low = high < 16 ? HEX[bytes[at + 2]!]! : 255
    const isEscape = low < 16
    bytes[length++] = isEscape ? high * 16 + low : byte === PLUS ? SPACE : byte
    if (isEscape) at += 2
  }
  return bytes.toString('latin1', 0, length)
}
