import { HEX, PERCENT, SPACE } from './bytes.ts'

const EQUALS = 0x3d
const PLUS = 0x2b

/**
 * The value of the first parameter of that name in a target's query, as it stands there: the name may be escaped, and the
 * value is not unescaped. Undefined where there is none.
 *
 * @param after how many parameters of the name are passed over
 */
export function parameterIn(target: string, name: string, after = 0): string | undefined {
  const question = target.indexOf('?')
  if (question < 0) return undefined
  const hasEscapes = target.includes('%', question)
  let pending = after
  for (let from = question + 1; from < target.length; ) {
    const ampersand = target.indexOf('&', from)
    const to = ampersand < 0 ? target.length : ampersand
    const value = valueAt(target, from, to, name, hasEscapes)
    if (value >= 0 && pending-- === 0) return target.slice(value, to)
    from = to + 1
  }
  return undefined
}

/** Where the value of the parameter `target[from, to)` begins; -1 if it has another name, or no value. */
function valueAt(target: string, from: number, to: number, name: string, hasEscapes: boolean): number {
  const end = from + name.length
  if (end < to && target.charCodeAt(end) === EQUALS && target.startsWith(name, from)) return end + 1
  if (!hasEscapes) return -1
  let at = from
  let isEscaped = false
  for (; at < to && target.charCodeAt(at) !== EQUALS; at++) isEscaped ||= target.charCodeAt(at) === PERCENT
  return isEscaped && at < to && unescaped(target.slice(from, at)) === name ? at + 1 : -1
}

/**
 * A name or a value of a query as it was before it was escaped (WHATWG URL, application/x-www-form-urlencoded), one
 * character a byte before and after. What is no escape stays as it is.
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
