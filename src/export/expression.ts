import { expressionIn } from '../routing/expression.ts'

const FOLDED = '(?i)'

/** What is not copied as it is: an escape and a class are, and so are not looked into. */
const token = /\\.|\[(?:\\.|[^\]\\])*\]|\(\?P?<\w+>|\$/gs

/** A regular expression as PCRE reads it. */
export interface PcreExpression {
  /** `(?s)`, or `(?si)` if it ignores case. */
  readonly flags: string
  readonly body: string
}

/**
 * A regular expression of Limpet as one of PCRE: `.` is any byte, and `$` the very end. Groups have no names, since nginx would make
 * variables of them.
 */
export function pcreOf(source: string): PcreExpression {
  const isFolded = source.startsWith(FOLDED)
  const body = source.slice(isFolded ? FOLDED.length : 0).replaceAll(token, (found) => {
    if (found === '$') return '\\z'
    return found.startsWith('(') ? '(' : found
  })
  return { flags: `(?s${isFolded ? 'i' : ''})`, body }
}

/** The same in one text. */
export function forPcre(source: string): string {
  const { flags, body } = pcreOf(source)
  return flags + body
}

/** An expression that matches this text. */
export function pcreLiteral(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** Whether there are alternatives that are in no group, so that `^` or `$` are of one of them only. */
export function isChoice(body: string): boolean {
  let depth = 0
  for (const [found] of body.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|[()|]/gs)) {
    if (found === '(') depth++
    if (found === ')') depth--
    if (found === '|' && depth === 0) return true
  }
  return false
}

/** The expression that is the only path of a route; undefined if it has others. */
export function onlyExpression(paths: readonly string[]): string | undefined {
  return paths.length === 1 ? expressionIn(paths[0]!) : undefined
}
