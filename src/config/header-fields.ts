import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { matching, written } from './field.ts'

/** A token (RFC 9110 §5.6.2), as methods and the names of headers are. */
export const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const HeaderName = matching(token, 'the name of a header')
const HeaderValue = matching(/^(?:[!-~](?:[ -~]*[!-~])?)?$/, 'a header value of printable ASCII, without outer spaces')

/** Names in lower case, with a value for each. */
export const HeaderFields = written(z.record(HeaderName, HeaderValue), lowerCaseNames, (headers) => headers)

/** Header names count without regard to case (RFC 9110 §5.1), so that the same name twice would be a contradiction. */
function lowerCaseNames(headers: Record<string, string>): Record<string, string> {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  if (Object.keys(lower).length < Object.keys(headers).length) throw new InvalidValue('each header once, in any case')
  return lower
}
