import { InvalidValue } from '../../../config/error.ts'
import { matched } from './matchers.ts'
import { intersection, joined, type Requirements } from './requirements.ts'
import type { Rule } from './rule.ts'

/** A rule as routes: each alternative is one. */
export interface Alternatives {
  readonly alternatives: readonly Requirements[]
  /** What it says that no route can say: the alternatives that need it are left out. */
  readonly refused: readonly InvalidValue[]
}

const MOST_ALTERNATIVES = 64

/** The rule in disjunctive normal form. Throws InvalidValue where it has too many alternatives, or a value that is not valid. */
export function alternativesOf(rule: Rule): Alternatives {
  const refused: InvalidValue[] = []
  const alternatives = joined(distribute(rule, refused))
  if (alternatives.length > 0 || refused.length > 0) return { alternatives, refused }
  throw new InvalidValue(
    'a rule that some request matches',
    'its parts exclude each other: join them with ||, not with &&',
  )
}

function distribute(rule: Rule, refused: InvalidValue[]): Requirements[] {
  if (rule.kind === 'matcher') {
    const requirements = matched(rule)
    if (!(requirements instanceof InvalidValue)) return [requirements]
    refused.push(requirements)
    return []
  }
  if (rule.kind === 'not') {
    refused.push(new InvalidValue('a rule without !', 'say which requests are served, not which are not'))
    return []
  }
  const parts = rule.parts.map((part) => distribute(part, refused))
  return rule.kind === 'any' ? bounded(parts.flat()) : parts.reduce(product)
}

function product(some: readonly Requirements[], others: readonly Requirements[]): Requirements[] {
  const both = some.flatMap((one) => others.map((other) => intersection(one, other)))
  return bounded(both.filter((requirements) => requirements !== undefined))
}

function bounded(alternatives: Requirements[]): Requirements[] {
  if (alternatives.length <= MOST_ALTERNATIVES) return alternatives
  throw new InvalidValue(`a rule of at most ${MOST_ALTERNATIVES} alternatives`, 'divide it among several routers')
}
