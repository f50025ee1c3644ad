import { normalisePath } from '../routing/path.ts'
import { InvalidValue } from './error.ts'

/** Characters that a decoded path may contain, but a path in the file may not. */
const unwritable = /[?#*\p{Cc}\ufffd]/u

/**
 * The path of a route: `/exactly/this`, or `/this/*` for all paths below `/this/`. It must be in the normalised form in which
 * requests are matched: percent-decoded, dot segments resolved, slashes merged. Throws InvalidValue with that form as the
 * hint.
 */
export function parsePath(text: string): string {
  refuseNotation(text)
  if (!text.startsWith('/')) throw new InvalidValue('a path that starts with /', withSlash(text))
  if (/[?#]/.test(text)) throw new InvalidValue('a path without a query or fragment', `write ${text.split(/[?#]/)[0]}`)
  if (/\p{Cc}/u.test(text)) throw new InvalidValue('a path without control characters')
  if (text.replace(/\/\*$/, '').includes('*')) throw new InvalidValue('* only as the final /*', starHint(text))
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
  const [, modifier = '', path = ''] = /^(=|\^~|~\*?)\s*([/^].*|\\.*)$/s.exec(text) ?? ['', '', text]
  if (modifier === '=') throw new InvalidValue('a path', `write ${path}, which matches exactly this path`)
  if (modifier === '^~') throw new InvalidValue('a path', `write ${below(path)}`)
  if (modifier !== '' || /^[\^\\]|[.)\]]\*|\(\?/.test(path))
    throw new InvalidValue('a path, not a regular expression', expressionHint(path))
}

function expressionHint(expression: string): string {
  const [, literal = '', rest = ''] = /^\^?((?:\/[^\\^$.*+?()[\]{}|]*)?)(.*)$/s.exec(expression)!
  if (literal === '') return 'write exact paths, or /this/* for all paths below /this/'
  if (rest === '$') return `write ${literal}`
  // A pattern that starts in the middle of a segment can only be replaced by /* from the slash before it.
  const isWhole = /^(?:\(?\/?\.\*.*)?$/s.test(rest)
  return `write ${below(isWhole ? literal : literal.replace(/[^/]*$/, ''))}`
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

/** For `/app*`, suggests `/app/*`; otherwise, the path before the segment with the star. */
function starHint(text: string): string {
  const [, before = ''] = /^([^*]*)/.exec(text)!
  return `write ${below(/^[^*]*[^*/]\*$/.test(text) ? before : before.replace(/[^/]*$/, ''))}`
}

/** Normalises the path as that of a request. A `%` that does not start an escape stays as it is. */
function normalise(text: string): string | undefined {
  const escaped = text.replaceAll(/%(?![0-9a-f]{2})/gi, '%25')
  const bytes = normalisePath(Buffer.from(escaped, 'utf8').toString('latin1'))
  return bytes && Buffer.from(bytes, 'latin1').toString('utf8')
}
