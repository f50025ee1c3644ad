import { type Directive, directive } from '../directive.ts'
import { onlyExpression, pcreLiteral } from '../expression.ts'
import { when } from '../refusal.ts'
import { earlier, type FilterExport, isOf, type Of, type Standing } from './filter-export.ts'
import { fromTemplate, isPlainPath, type Rewrite, replacing } from './rewrite.ts'

type Path = Of<'path'>

/** `rewrite … break`. */
export const path: FilterExport<Path> = {
  directives: (standing) => {
    const [strip] = standing.filter.strip ?? []
    const { expression, replacement } = rewriteOf(standing)!
    return {
      passing: [
        ...(strip === undefined ? [] : [directive('proxy_set_header', 'X-Forwarded-Prefix', strip)]),
        ...rewriting(standing, directive('rewrite', expression, replacement)),
      ],
    }
  },
  problems: (standing) => {
    const { filter, path, route } = standing
    const { strip: prefixes = [], set, pattern } = filter
    const [strip] = prefixes
    return [
      ...when(
        rewriteOf(standing) === undefined,
        `${path}.${Object.keys(filter).find((key) => key !== 'type' && key !== 'to')}`,
        set === undefined && pattern === undefined
          ? 'the export writes prefixes of letters, digits, ., _ and - only'
          : 'nginx decodes and encodes what it rewrites, has nine groups, and no such variables',
        set === undefined && pattern === undefined
          ? 'use these, or write rewrite by hand'
          : 'write paths of letters, digits, /, ., _ and -, with groups, or variables in a query',
      ),
      ...when(
        prefixes.length > 1,
        `${path}.strip`,
        'nginx sends X-Forwarded-Prefix with every request of a location',
        'give each prefix a route of its own',
      ),
      ...when(
        prefixes.length === 1 &&
          (!route.paths.every((each) => each === strip || each.startsWith(`${strip}/`)) ||
            earlier(standing).some((each) => isOf(each, 'path'))),
        `${path}.strip`,
        'nginx sends X-Forwarded-Prefix with every request of a location',
        `give the route paths that begin with ${strip}, and let this be its first filter path`,
      ),
      ...when(
        set !== undefined && tellsOfQuery(filter) && earlier(standing).some((each) => isOf(each, 'path', 'host')),
        `${path}.set`,
        'nginx has no order of filters that change the same thing',
        'write one filter for all of it',
      ),
    ]
  },
  changes: ({ strip }) => (strip === undefined ? [] : ['request x-forwarded-prefix']),
}

function rewriteOf({ filter: { strip, add, set, pattern, to }, route }: Standing<Path>): Rewrite | undefined {
  if (set !== undefined) return fromTemplate(set, onlyExpression(route.paths))
  if (pattern !== undefined) return replacing(pattern, to!)
  const prefix = strip?.[0] ?? add!
  if (!isPlainPath(prefix)) return undefined
  if (strip === undefined) return { expression: '(?s)^(.*)$', replacement: `${prefix}$1` }
  return { expression: `(?s)^${pcreLiteral(prefix)}(?:/(.*))?$`, replacement: '/$1' }
}

/** Of several, each sees the path as the one before has left it, and nginx looks for no other location in the end. */
function rewriting({ filter, siblings }: Standing<Path>, rewrite: Directive): Directive[] {
  const all = siblings.filter((each) => isOf(each, 'path'))
  if (all.length === 1) return [{ ...rewrite, args: [...rewrite.args, 'break'] }]
  return all.at(-1)!.filter === filter ? [rewrite, directive('break')] : [rewrite]
}

function tellsOfQuery({ set = [] }: Path): boolean {
  return set.some((part) => typeof part !== 'string' && ['request.query', 'request.host'].includes(part.from))
}
