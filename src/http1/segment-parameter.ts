import { EQUALS, QUESTION, SEMICOLON, SLASH } from './bytes.ts'

/** The most parameters that are looked at. */
const MAX_PARAMETERS = 1000

/**
 * The value of the first parameter of that name in the segments of a target's path, as in `/cart;jsessionid=1A/2` (RFC 3986
 * §3.3; Servlet 6.0 §7.1.3). Name and value are read as they are written: servlet containers do not unescape them either.
 * Undefined if there is none among the first thousand.
 *
 * @param after how many parameters of the name to skip
 */
export function segmentParameterIn(target: string, name: string, after = 0): string | undefined {
  const query = target.indexOf('?')
  const end = query < 0 ? target.length : query
  let pending = after
  let separator = target.indexOf(';')
  for (let count = 0; separator >= 0 && separator < end && count < MAX_PARAMETERS; count++) {
    const value = separator + 2 + name.length
    const isNamed = target.startsWith(name, separator + 1) && target.charCodeAt(value - 1) === EQUALS
    if (isNamed && pending-- === 0) return target.slice(value, endOfValue(target, value))
    separator = target.indexOf(';', separator + 1)
  }
  return undefined
}

function endOfValue(target: string, from: number): number {
  let at = from
  for (; at < target.length; at++) {
    const character = target.charCodeAt(at)
    if (character === SEMICOLON || character === SLASH || character === QUESTION) break
  }
  return at
}
