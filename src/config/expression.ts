import { asExpression } from '../routing/expression.ts'
import { PatternError } from '../runtime/linear-pattern/syntax.ts'
import { LinearPattern } from '../runtime/linear-pattern.ts'
import { InvalidValue } from './error.ts'

/** A regular expression, in the notation of nginx: `~ ^/a`, or `~* ^/a` where case does not matter. */
const notation = /^~(\*?)\s*(.*)$/s

/**
 * The regular expression that a host or a path is, with `(?i)` for the asterisk; undefined if it is none. Throws InvalidValue.
 */
export function parseExpression(text: string): { readonly text: string; readonly pattern: LinearPattern } | undefined {
  const [, asterisk, source = ''] = notation.exec(text) ?? []
  if (asterisk === undefined) return undefined
  if (source === '') throw new InvalidValue('a regular expression after ~', 'write ~ ^/this/.*$')
  const pattern = patternOf(asterisk === '*' && !source.startsWith('(?i)') ? `(?i)${source}` : source)
  return { text: asExpression(pattern.source), pattern }
}

/** Throws InvalidValue. */
export function patternOf(source: string): LinearPattern {
  try {
    return new LinearPattern(source)
  } catch (error) {
    if (error instanceof PatternError) throw new InvalidValue(error.expected, error.hint)
    throw error
  }
}

/** Whether that would be a valid regular expression. */
export function isExpression(source: string): boolean {
  try {
    patternOf(source)
    return true
  } catch (error) {
    if (error instanceof InvalidValue) return false
    throw error
  }
}
