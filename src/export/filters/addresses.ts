import type { Problem } from '../../config/error.ts'
import { formatTrustedProxy } from '../../config/trusted-proxy.ts'
import { type Directive, directive } from '../directive.ts'
import { when } from '../refusal.ts'
import { type FilterExport, isOf, type Of, type Standing } from './filter-export.ts'

type Rules = Of<'allow' | 'deny'>

/** `allow` and `deny` of nginx, of which the first that matches counts. */
export const addresses: FilterExport<Rules> = {
  directives: ({ filter: { type, from, except } }) => ({
    gates:
      type === 'deny'
        ? [...lines('allow', except), ...lines('deny', from)]
        : [...lines('deny', except), ...lines('allow', from), directive('deny', 'all')],
  }),
  problems: ({ filter: { type, status, except }, path, siblings }) => {
    const others = siblings.filter(isRules)
    return [
      ...when(status === 404, `${path}.status`, 'nginx answers 403', 'leave it out'),
      ...when(
        type === 'deny' && except.length > 0 && others.length > 1,
        `${path}.except`,
        'in nginx, what one rule allows no other can deny',
        'leave out the other filters allow and deny, or except',
      ),
      ...moreThanOneAllow(type, path, others),
    ]
  },
}

/** Denials come before what is allowed, since the first rule that matches counts. */
export function byRule(one: Standing, other: Standing): number {
  return Number(isOf(one, 'allow')) - Number(isOf(other, 'allow'))
}

function moreThanOneAllow(type: string, path: string, others: readonly Standing[]): Problem[] {
  const allows = others.filter((each) => isOf(each, 'allow'))
  return when(
    type === 'allow' && allows.length > 1 && allows[1]!.path === path,
    path,
    'in nginx, what one rule allows no other can deny',
    'write one filter with what all of them allow',
  )
}

function isRules(standing: Standing): standing is Standing<Rules> {
  return isOf(standing, 'allow', 'deny')
}

function lines(name: 'allow' | 'deny', rules: Rules['from']): Directive[] {
  return rules.map((rule) => directive(name, rule === 'all' ? rule : formatTrustedProxy(rule)))
}
