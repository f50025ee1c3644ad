import { normalisePath } from '../routing/path.ts'
import { InvalidValue } from './error.ts'

/** What a path may hold once it is decoded, and the file's form of it may not. */
const unwritable = /[?#*\p{Cc}\ufffd]/u

/**
 * The path of a route: `/exactly/this`, or `/this/*` for all below `/this/`. It stands in the normalised form in which
 * requests are matched: percent-decoded, dot segments resolved, slashes merged. Throws InvalidValue, with that form
 * as the mend.
 */
export function parsePath(text: string): string {
  refuseNotation(text)
  if (!text.startsWith('/')) throw new InvalidValue('a path that starts with /', withSlash(text))
  if (/[?#]/.test(text)) throw new InvalidValue('a path without a query or fragment', `write ${text.split(/[?#]/)[0]}`)
  if (/\p{Cc}/u.test(text)) throw new InvalidValue('a path without control characters')
  if (text.replace(/\/\*$/, '').includes('*')) throw new InvalidValue('* only as the final /*', starMend(text))
  const normal = normalise(text)
  if (normal === text) return text
  throw new InvalidValue(
    'a normalised path',
    normal === undefined || unwritable.test(normal) ? undefined : `write ${normal}`,
  )
}

/** What means something else in other programs: a URL, one of nginx's locations, a regular expression. */
function refuseNotation(text: string): void {
  const [, host, rest] = /^[a-z]+:\/\/([^/]*)(.*)$/is.exec(text) ?? []
  if (host !== undefined) throw new InvalidValue('a path', `write ${rest || '/'}, and host: ${host}`)
  const [, modifier = '', path = ''] = /^(=|\^~|~\*?)\s*([/^].*|\\.*)$/s.exec(text) ?? ['', '', text]
  if (modifier === '=') throw new InvalidValue('a path', `write ${path}, which is exactly this path`)
  if (modifier === '^~') throw new InvalidValue('a path', `write ${below(path)}`)
  if (modifier !== '' || /^[\^\\]|[.)\]]\*|\(\?/.test(path))
    throw new InvalidValue('a path, not a regular expression', expressionMend(path))
}

function expressionMend(expression: string): string {
  const [, literal = '', rest = ''] = /^\^?((?:\/[^\\^$.*+?()[\]{}|]*)?)(.*)$/s.exec(expression)!
  if (literal === '') return 'write exact paths, or /this/* for all below /this/'
  if (rest === '$') return `write ${literal}`
  // What begins in the middle of a segment can only be told from the slash before it on.
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

/** Of `/app*` the whole; elsewhere what stands before the segment with the star. */
function starMend(text: string): string {
  const [, before = ''] = /^([^*]*)/.exec(text)!
  return `write ${below(/^[^*]*[^*/]\*$/.test(text) ? before : before.replace(/[^/]*$/, ''))}`
}

/** As a request for it would be normalised. A `%` that begins no escape is itself. */
function normalise(text: string): string | undefined {
  const escaped = text.replaceAll(/%(?![0-9a-f]{2})/gi, '%25')
  const bytes = normalisePath(Buffer.from(escaped, 'utf8').toString('latin1'))
  return bytes && Buffer.from(bytes, 'latin1').toString('utf8')
}
