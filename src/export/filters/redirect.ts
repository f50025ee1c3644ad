import type { Template } from '../../runtime/filter-settings.ts'
import { directive } from '../directive.ts'
import { onlyExpression } from '../expression.ts'
import { when } from '../refusal.ts'
import { nginxText } from '../template.ts'
import type { FilterExport, Of, Standing } from './filter-export.ts'
import { fromTemplate, type Rewrite } from './rewrite.ts'

type Redirect = Of<'redirect'>

/** The words of `rewrite`. It escapes what it has decoded, as `return` does not. */
const words: Partial<Record<Redirect['status'], string>> = { 301: 'permanent', 302: 'redirect' }

/** `return` with an address, or `rewrite` where the address has groups of the route's expression. */
export const redirect: FilterExport<Redirect> = {
  directives: (standing) => {
    const { to, status } = standing.filter
    if (!hasGroups(to)) return { answer: [directive('return', status, nginxText(to)!)] }
    const { expression, replacement } = rewriteOf(standing)!
    // A question mark at the end keeps the query of the request away.
    return { answer: [directive('rewrite', expression, `${replacement}?`, words[status]!)] }
  },
  problems: (standing) => {
    const { filter, path } = standing
    const { to, status, pattern } = filter
    return [
      ...when(
        pattern !== undefined,
        `${path}.pattern`,
        'nginx has no regular expressions for whole addresses',
        'redirect every request of the route, or write rewrite by hand',
      ),
      ...when(
        (hasGroups(to) ? rewriteOf(standing) : nginxText(to)) === undefined,
        `${path}.to`,
        'nginx has no such variable, or no $ in a text',
        'use client.address, request.host, request.target and the like, or named groups of the only path of the route',
      ),
      ...when(
        hasGroups(to) && words[status] === undefined,
        `${path}.status`,
        'nginx escapes groups of an expression only in redirects with 301 and 302',
        'write 301 or 302',
      ),
    ]
  },
}

function rewriteOf({ filter: { to }, route }: Standing<Redirect>): Rewrite | undefined {
  return fromTemplate(to, onlyExpression(route.paths), (text) => /^[A-Za-z0-9/._:-]*$/.test(text))
}

function hasGroups(to: Template): boolean {
  return to.some((part) => typeof part !== 'string' && part.from === 'route')
}
