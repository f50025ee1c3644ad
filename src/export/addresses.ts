import type { Problem } from '../config/error.ts'
import type { Filter } from '../config/filter.ts'
import { formatTrustedProxy } from '../config/trusted-proxy.ts'
import { type Directive, directive } from './directive.ts'
import type { Standing } from './exported-filter.ts'
import { when } from './refusal.ts'

type Rules = Standing<Extract<Filter, { type: 'allow' | 'deny' }>>

/**
 * `allow` and `deny` of nginx, of which the first that matches counts: those of several filters follow each other, where that means
 * the same.
 */
export function exportAddresses(all: readonly Rules[]): Directive[] {
  return [...denials(all), ...all.filter(isAllow).flatMap(allowing)]
}

function denials(all: readonly Rules[]): Directive[] {
  return all
    .filter((rules) => !isAllow(rules))
    .flatMap(({ filter: { from, except } }) => [...lines('allow', except), ...lines('deny', from)])
}

function allowing({ filter: { from, except } }: Rules): Directive[] {
  return [...lines('deny', except), ...lines('allow', from), directive('deny', 'all')]
}

/** What of such filters nginx cannot express. */
export function inexpressibleAddresses(all: readonly Rules[]): Problem[] {
  const allows = all.filter(isAllow)
  return [
    ...all.flatMap(({ filter: { type, status }, path }) =>
      when(status === 404, `${path}.${type}.status`, 'nginx answers 403', 'leave it out'),
    ),
    ...all.flatMap((rules) =>
      when(
        !isAllow(rules) && rules.filter.except.length > 0 && all.length > 1,
        `${rules.path}.deny.except`,
        'in nginx, what one rule allows no other can deny',
        'leave out the other filters allow and deny, or except',
      ),
    ),
    ...when(
      allows.length > 1,
      `${allows[1]?.path}.allow`,
      'in nginx, what one rule allows no other can deny',
      'write one filter with what all of them allow',
    ),
  ]
}

function isAllow({ filter }: Rules): boolean {
  return filter.type === 'allow'
}

function lines(name: 'allow' | 'deny', rules: Rules['filter']['from']): Directive[] {
  return rules.map((rule) => directive(name, rule === 'all' ? rule : formatTrustedProxy(rule)))
}
