import { normalisePath } from '../routing/path.ts'
import { isParameter } from '../routing/path-form.ts'
import { InvalidValue } from './error.ts'
import { isExpression, parseExpression } from './expression.ts'

/** Characters that a decoded path may contain, but a path in the file may not. */
const unwritable = /[?#*\p{Cc}\ufffd]/u

/**
 * The path of a route: `/exactly/this`, `/this/*` for all paths below `/this/`, `/this*` for all that begin like that; `:name` in place of
 * a segment; or `~ ` and a regular expression. It must be in the normalised form in which requests are matched: percent-decoded, dot
 * segments resolved, slashes merged. Throws InvalidValue with that form as the hint.
 */
export function parsePath(text: string): string {
  return parsePathExpression(text) ?? parsePlainPath(text)
}

function parsePathExpression(text: string): string | undefined {
  const expression = parseExpression(text)
  const { beginning } = expression?.pattern ?? {}
  if (beginning && !beginning.startsWith('/'))
    throw new InvalidValue('a regular expression for paths, which begin with /', `write ${text.replace('^', '^/')}`)
  return expression?.text
}

function parsePlainPath(text: string): string {
  refuseNotation(text)
  if (!text.startsWith('/')) throw new InvalidValue('a path that starts with /', withSlash(text))
  if (/[?#]/.test(text)) throw new InvalidValue('a path without a query or fragment', `write ${text.split(/[?#]/)[0]}`)
  if (/\p{Cc}/u.test(text)) throw new InvalidValue('a path without control characters')
  if (text.slice(0, -1).includes('*')) throw new InvalidValue('* only at the end', starHint(text))
  refuseParameters(text)
  const normal = normalise(text)
  if (normal === text) return text
  throw new InvalidValue(
    'a normalised path',
    normal === undefined || unwritable.test(normal) ? undefined : `write ${normal}`,
  )
}

/** Refuses notations of other programs: a URL, a modifier of nginx's `location`, a regular expression. */
function refuseNotation(text: string): void {
  const [, host, rest] = /^[a-z]+:\/\/([^/]*)(.*)$/is.exec(text) ?? []
  if (host !== undefined) throw new InvalidValue('a path', `write ${rest || '/'}, and host: ${host}`)
  const [, modifier = '', path = ''] = /^(=|\^~)\s*([/^].*|\\.*)$/s.exec(text) ?? ['', '', text]
  if (modifier === '=') throw new InvalidValue('a path', `write ${path}, which matches exactly this path`)
  if (modifier === '^~') throw new InvalidValue('a path', `write ${below(path)}`)
  if (/^[\^\\]|[.)\]]\*|\(\?/.test(path))
    throw new InvalidValue('a path, or ~ before a regular expression', expressionHint(path))
}

/** Refuses parameters that are none, or have the same name. */
function refuseParameters(text: string): void {
  const names = new Set<string>()
  for (const segment of text.split('/').filter(isParameter)) {
    if (!parameter.test(segment))
      throw new InvalidValue(
        'a name of letters, digits and _ after the : of a parameter',
        `write ~ ^${text.replaceAll(/[.*+?^$()[\]{}|\\]/g, '\\$&')}$ for the path itself`,
      )
    if (names.has(segment)) throw new InvalidValue('each parameter once', `give one of the two ${segment} another name`)
    names.add(segment)
  }
}

const parameter = /^:[A-Za-z_]\w*$/

function expressionHint(expression: string): string {
  const [, literal = '', rest = ''] = /^\^?((?:\/[^\\^$.*+?()[\]{}|]*)?)(.*)$/s.exec(expression)!
  if (literal !== '' && rest === '$') return `write ${literal}`
  const isWhole = /^(?:\(?\/?\.\*.*)?$/s.test(rest)
  if (literal !== '' && isWhole) return `write ${below(literal)}`
  return isExpression(expression) ? `write ~ ${expression}` : 'write exact paths, or /this/* for all paths below /this/'
}

/** `/this/*` */
function below(path: string): string {
  return `${path.replace(/\/+$/, '')}/*`
}

function withSlash(text: string): string | undefined {
  try {
    parsePath(`/${text}`)
    return `write /${text}`
  } catch (error) {
    return error instanceof InvalidValue ? error.hint : undefined
  }
}

/** For a star that is a segment, suggests a parameter; otherwise, the path before the segment with the star. */
function starHint(text: string): string {
  if (/^[^*]*\/\*\/[^*]*$/.test(text)) return `write ${text.replace('*', ':name')}`
  const [, before = ''] = /^([^*]*)/.exec(text)!
  return `write ${below(before.replace(/[^/]*$/, ''))}`
}

/** Normalises the path as that of a request. A `%` that does not start an escape stays as it is. */
function normalise(text: string): string | undefined {
  const escaped = text.replaceAll(/%(?![0-9a-f]{2})/gi, '%25')
  const bytes = normalisePath(Buffer.from(escaped, 'utf8').toString('latin1'))
  return bytes && Buffer.from(bytes, 'latin1').toString('utf8')
}
