import { InvalidValue } from '../../../../config/error.ts'
import { checkedPattern } from '../../../../config/filters/pattern.ts'
import { LinearPattern } from '../../../../runtime/linear-pattern.ts'

/** The highest group that Limpet's replacements can name. */
const HIGHEST_GROUP = 9

/** Throws InvalidValue where it is no regular expression that takes linear time. Go's `(?P<name>…)` is the same as `(?<name>…)`. */
export function parseRegexp(text: string): string {
  if (text === '') throw new InvalidValue('a regular expression')
  return checkedPattern(text.replaceAll('(?P<', '(?<'))
}

/**
 * A replacement of Go's package regexp (`$1`, `${1}`, `${name}`, `$$`) as Limpet has it, with `$1` to `$9` only. A group that the
 * pattern does not have is empty.
 *
 * @param pattern one that parseRegexp has returned
 */
export function parseReplacement(text: string, pattern: string): string {
  const { groups, names } = new LinearPattern(pattern)
  const written = text.replaceAll(/\$(?:(\$)|\{(\w+)\}|(\w+))/g, (_, dollar, braced, bare) => {
    if (dollar !== undefined) return '\0'
    const name: string = braced ?? bare
    const number = /^\d+$/.test(name) ? Number(name) : (names.get(name) ?? groups + 1)
    if (number > groups) return ''
    if (number > HIGHEST_GROUP)
      throw new InvalidValue(`groups up to ${HIGHEST_GROUP}`, 'use fewer groups: (?:…) is none')
    return `$${number}`
  })
  if (/\0\d/.test(written)) throw new InvalidValue('no dollar sign before a digit')
  return written.replaceAll('\0', '$')
}

/** Whether a pattern can match a text only once: Go replaces every match, and Limpet the first. */
export function matchesOnce(pattern: string): boolean {
  return !hasChoiceAtTop(pattern) && (pattern.startsWith('^') || /(?:\.\*\)?|[^\\]\$)$/.test(pattern))
}

function hasChoiceAtTop(pattern: string): boolean {
  let depth = 0
  let isInClass = false
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]
    if (character === '\\') at++
    else if (isInClass) isInClass = character !== ']'
    else if (character === '[') isInClass = true
    else if (character === '(') depth++
    else if (character === ')') depth--
    else if (character === '|' && depth === 0) return true
  }
  return false
}

/** A text as one with variables, of which it has none. */
export function withoutVariables(text: string): string {
  return text.replaceAll('${', () => '$${')
}
