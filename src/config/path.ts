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
  if (!text.startsWith('/')) throw new InvalidValue('a path that starts with /', `write /${text}`)
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

function starMend(text: string): string | undefined {
  return /^[^*]*[^*/]\*$/.test(text) ? `write ${text.slice(0, -1)}/*` : undefined
}

/** As a request for it would be normalised. A `%` that begins no escape is itself. */
function normalise(text: string): string | undefined {
  const escaped = text.replaceAll(/%(?![0-9a-f]{2})/gi, '%25')
  const bytes = normalisePath(Buffer.from(escaped, 'utf8').toString('latin1'))
  return bytes && Buffer.from(bytes, 'latin1').toString('utf8')
}
