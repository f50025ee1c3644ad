import fc from '../support/property.ts'

/** Arbitrary valid and damaged messages. Text has one byte per character. */

const oneOf = (characters: string) => fc.constantFrom(...characters)
const text = (characters: string, minLength: number, maxLength: number) =>
  fc.string({ unit: oneOf(characters), minLength, maxLength })

const TOKEN = "!#$%&'*+-.^_`|~019azAZ"
const VALUE = 'azAZ09 \t:,;="\\\x80\xff'

export const token = text(TOKEN, 1, 12)
export const fieldValue = text(VALUE, 0, 20).map((value) => value.replace(/^[ \t]+|[ \t]+$/g, ''))
const whiteSpace = text(' \t', 0, 3)

export const body = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1'))

const host = fc.constantFrom('a', 'www.example.org', 'a:80', '[::1]:8080', 'A.B', 'a%41')
const path = fc
  .array(fc.constantFrom('a', 'b.c', '%41', '', '~', ';x', '.hidden'), { maxLength: 4 })
  .map((segments) => `/${segments.join('/')}`)
const query = fc.option(text('azAZ09=&%?/', 0, 10), { nil: undefined })
const target = fc.tuple(path, query).map(([path, query]) => (query === undefined ? path : `${path}?${query}`))
const method = fc
  .oneof(fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'get'), token)
  .filter((method) => method !== 'CONNECT')

/** Bad white space (BWS), which grammars allow for compatibility. */
const badSpace = fc.oneof({ arbitrary: fc.constant(''), weight: 3 }, { arbitrary: whiteSpace, weight: 1 })
const quoted = text(VALUE, 0, 10).map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`)
const oneExtension = fc
  .tuple(badSpace, token, fc.option(fc.tuple(badSpace, badSpace, fc.oneof(token, quoted)), { nil: undefined }))
  .map(([before, name, value]) => {
    if (value === undefined) return `;${before}${name}`
    const [beforeEquals, afterEquals, text] = value
    return `;${before}${name}${beforeEquals}=${afterEquals}${text}`
  })
/** Chunk extensions, RFC 9112 §7.1.1. */
const extension = fc
  .array(fc.tuple(badSpace, oneExtension), { maxLength: 2 })
  .map((extensions) => extensions.map(([before, one], index) => (index === 0 ? one : before + one)).join(''))
/** Chunk extensions of a server. */
const serversExtension = fc
  .tuple(whiteSpace, fc.option(text(VALUE, 0, 10), { nil: undefined }))
  .map(([padding, value]) => padding + (value === undefined ? '' : `;${value}`))
const size = (length: number) =>
  fc.tuple(fc.nat(3), fc.boolean()).map(([zeros, upper]) => {
    const digits = length.toString(16)
    return '0'.repeat(zeros) + (upper ? digits.toUpperCase() : digits)
  })

export const fieldLine = fc
  .tuple(token, whiteSpace, fieldValue, whiteSpace)
  .map(([name, before, value, after]) => ({ name, value, wire: `${name}:${before}${value}${after}\r\n` }))

/** A chunked body on the wire, and its data. */
const chunkedWith = (extension: fc.Arbitrary<string>) =>
  fc
    .tuple(
      fc.array(
        body.filter((data) => data !== '').chain((data) => fc.tuple(fc.constant(data), size(data.length), extension)),
        { maxLength: 4 },
      ),
      size(0),
      extension,
      fc.array(fieldLine, { maxLength: 3 }),
    )
    .map(([chunks, last, extension, trailers]) => ({
      wire:
        chunks.map(([data, size, extension]) => `${size}${extension}\r\n${data}\r\n`).join('') +
        `${last}${extension}\r\n${trailers.map(({ wire }) => wire).join('')}\r\n`,
      data: chunks.map(([data]) => data).join(''),
    }))

export const chunked = chunkedWith(extension)
export const chunkedByServer = chunkedWith(serversExtension)

/** A body and its framing. */
const framed = fc.oneof(
  fc.constant({ field: '', wire: '', data: '' }),
  body.map((data) => ({ field: `Content-Length: ${data.length}\r\n`, wire: data, data })),
  chunked.map(({ wire, data }) => ({ field: 'Transfer-Encoding: chunked\r\n', wire, data })),
)

/** A valid request on the wire, and its parts. */
export const request = fc
  .tuple(
    method,
    target,
    host,
    // Fields without a meaning: their names start with a character that no known name has.
    fc.array(
      fieldLine.map(({ name, value, wire }) => ({ name: `!${name}`, value, wire: `!${wire}` })),
      { maxLength: 5 },
    ),
    framed,
  )
  .map(([method, target, host, fields, { field, wire, data }]) => ({
    method,
    target,
    host,
    fields,
    data,
    wire: `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields.map(({ wire }) => wire).join('')}${field}\r\n${wire}`,
  }))

/** A valid response on the wire. */
export const response = fc
  .tuple(
    fc.integer({ min: 100, max: 999 }),
    fc.option(text(VALUE, 0, 10), { nil: undefined }),
    fc.array(fieldLine, { maxLength: 5 }),
  )
  .map(
    ([status, reason, fields]) =>
      `HTTP/1.1 ${status}${reason === undefined ? '' : ` ${reason}`}\r\n${fields.map(({ wire }) => wire).join('')}\r\n`,
  )

const anyByte = fc.oneof(
  { arbitrary: oneOf('\r\n\t \0:;,/.%\x7f\x80\xff019afgAF'), weight: 3 },
  { arbitrary: fc.nat(255).map((byte) => String.fromCharCode(byte)), weight: 1 },
)

/** A text with a few bytes changed, inserted or removed. */
export function damaged(whole: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
  const damage = fc.tuple(place, fc.nat(2), fc.oneof(anyByte, fc.constantFrom('\r\n', '\r\n\r\n', '\n\n', '')))
  return fc.tuple(whole, fc.array(damage, { minLength: 1, maxLength: 4 })).map(([text, damages]) =>
    damages.reduce((text, [place, taken, inserted]) => {
      const at = Math.floor(place * (text.length + 1))
      return text.slice(0, at) + inserted + text.slice(at + taken)
    }, text),
  )
}

/** Offsets at which bytes are split into segments: a few, or all. */
export const cuts = (length: number): fc.Arbitrary<number[]> =>
  fc.oneof(
    { arbitrary: fc.array(fc.nat(length), { maxLength: 8 }).map((cuts) => cuts.sort((a, b) => a - b)), weight: 4 },
    { arbitrary: fc.constant(Array.from({ length }, (_, index) => index)), weight: 1 },
  )
