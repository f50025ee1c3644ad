import type { Template, Variable } from '../../runtime/filter-settings.ts'
import { LinearPattern } from '../../runtime/linear-pattern.ts'
import { isChoice, pcreOf } from '../expression.ts'
import { nginxVariable } from '../template.ts'

/** A regular expression of the path, and what takes the place of the whole path: arguments of `rewrite`. */
export interface Rewrite {
  readonly expression: string
  readonly replacement: string
}

/** nginx has no further groups. */
const LAST_GROUP = 9

/** What nginx sends on as it is written. */
const PLAIN = /^[A-Za-z0-9/._-]*$/
const PLAIN_QUERY = /^[!-#%-~]*$/

/** Puts `to` in the place of what a pattern matches; undefined if nginx cannot. */
export function replacing(pattern: string, to: string): Rewrite | undefined {
  const { flags, body } = pcreOf(pattern)
  const { groups } = new LinearPattern(pattern)
  const hasChoice = isChoice(body)
  const isAtStart = body.startsWith('^') && !hasChoice
  const isAtEnd = /(?<!\\)(?:\\\\)*\\z$/.test(body) && !hasChoice
  const shift = isAtStart ? 0 : 1
  const rest = shift + groups + 1
  if (!to.startsWith('/') && (isAtStart || hasChoice || !beginsWithin(body))) return undefined
  const inPlace = withGroups(to, groups, shift)
  if (inPlace === undefined || (!isAtEnd && rest > LAST_GROUP) || (!isAtEnd && to.includes('?'))) return undefined
  const kept = hasChoice ? `(?:${body})` : body
  return {
    expression: `${flags}${isAtStart ? '' : '^(.*?)'}${kept}${isAtEnd ? '' : '(.*)$'}`,
    replacement: `${isAtStart ? '' : '$1'}${inPlace}${isAtEnd ? '' : `$${rest}`}`,
  }
}

/**
 * The text of a template, in which parameters of the route are groups of its expression; undefined if nginx cannot.
 *
 * @param source the expression that is the route's path, if that is one
 * @param isPlain whether a literal may stand in the path; a variable may stand there if nginx sends it on as it is
 */
export function fromTemplate(
  template: Template,
  source: string | undefined,
  isPlain = isPlainPath,
): Rewrite | undefined {
  const names = source === undefined ? undefined : new LinearPattern(source).names
  let replacement = ''
  let isQuery = false
  for (const part of template) {
    const next = typeof part === 'string' ? part : variableIn(part, names, isQuery)
    if (next === undefined) return undefined
    if (typeof part === 'string') {
      const [path, ...query] = (isQuery ? `?${part}` : part).split('?')
      if (!isPlain(path!) || !PLAIN_QUERY.test(query.join('?'))) return undefined
      isQuery = query.length > 0
    }
    replacement += next
  }
  const usesGroups = template.some((part) => typeof part !== 'string' && part.from === 'route')
  const expression = usesGroups ? pcreOf(source!) : undefined
  return { expression: expression === undefined ? '^' : expression.flags + expression.body, replacement }
}

export function isPlainPath(text: string): boolean {
  return PLAIN.test(text)
}

function variableIn(variable: Variable, names: ReadonlyMap<string, number> | undefined, isQuery: boolean) {
  if (variable.from === 'route') {
    const group = names?.get(variable.name)
    return group === undefined || group > LAST_GROUP ? undefined : `$${group}`
  }
  const isSafe = ['client.address', 'request.method', 'request.scheme'].includes(variable.from)
  const mayBeInQuery = ['request.host', 'request.id', 'request.query'].includes(variable.from)
  return isSafe || (isQuery && mayBeInQuery) ? nginxVariable(variable) : undefined
}

/** `to` with the numbers of groups in nginx; undefined if it has anything that nginx reads in another way. */
function withGroups(to: string, groups: number, shift: number): string | undefined {
  let isOdd = false
  const text = to.replace(/\$(\d?)/g, (_, digit) => {
    const group = Number(digit || 0)
    if (group === 0 || group + shift > LAST_GROUP) isOdd = true
    return group > groups ? '' : `$${group + shift}`
  })
  const [path = '', ...query] = to.split('?')
  if (isOdd || !PLAIN.test(path.replaceAll('$', '')) || !PLAIN_QUERY.test(query.join('?').replaceAll('$', '')))
    return undefined
  return text
}

/** Whether a match cannot begin with the slash that every path begins with. */
function beginsWithin(body: string): boolean {
  return /^(?:\\[.\-_]|[A-Za-z0-9_-])(?![?*{+])/.test(body)
}
