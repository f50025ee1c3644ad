import { z } from 'zod'
import { alternatives, InvalidValue } from './error.ts'
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

/** Headers that frame a message or control the connection: a request of Limpet's own sets these itself. */
export const framingFields = ['connection', 'content-length', 'expect', 'transfer-encoding', 'upgrade']

/** Headers, without those that a request of Limpet's own sets itself. */
export function headersWithout(own: readonly string[]) {
  const checked = (headers: Record<string, string>) => {
    const found = own.find((name) => name in headers)
    if (found !== undefined) throw new InvalidValue(`headers other than ${alternatives(own)}`, `leave out ${found}`)
    return headers
  }
  return written(HeaderFields, checked, (headers) => headers)
}

/** Header names are case-insensitive (RFC 9110 §5.1), so the same name in another case would be a contradiction. */
function lowerCaseNames(headers: Record<string, string>): Record<string, string> {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  if (Object.keys(lower).length < Object.keys(headers).length)
    throw new InvalidValue('each header once (names are case-insensitive)')
  return lower
}
