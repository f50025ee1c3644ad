import { LinearPattern } from '../runtime/linear-pattern.ts'

/** Begins a host or a path of a route that is a regular expression. */
const MARK = '~ '

/** The regular expression that a host or path is; undefined if it is none. */
export function expressionIn(text: string): string | undefined {
  return text.startsWith(MARK) ? text.slice(MARK.length) : undefined
}

/** A regular expression as a host or path has it. */
export function asExpression(source: string): string {
  return MARK + source
}

/** The pattern that a host or path of a compiled route is, whose text has one character a byte; undefined if it is none. */
export function patternIn(text: string): LinearPattern | undefined {
  const source = expressionIn(text)
  return source === undefined ? undefined : new LinearPattern(Buffer.from(source, 'latin1').toString())
}

/** The longer one comes first; those of the same length come by their letters, so that the order in the file does not matter. */
export function compareExpressions(one = '', other = ''): number {
  return other.length - one.length || (one < other ? -1 : Number(one > other))
}
