import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { matching, written } from './field.ts'

/** A token (RFC 9110 §5.6.2): the syntax of methods and header names. */
export const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const HeaderName = matching(token, 'the name of a header')
const HeaderValue = matching(
  /^(?:[!-~](?:[ -~]*[!-~])?)?$/,
  'a header value of printable ASCII, without leading or trailing spaces',
)

/** From header names, in lower case, to their values. */
export const HeaderFields = written(z.record(HeaderName, HeaderValue), lowerCaseNames, (headers) => headers)

/** Header names are case-insensitive (RFC 9110 §5.1), so the same name in another case would be a contradiction. */
function lowerCaseNames(headers: Record<string, string>): Record<string, string> {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  if (Object.keys(lower).length < Object.keys(headers).length)
    throw new InvalidValue('each header once (names are case-insensitive)')
  return lower
}
