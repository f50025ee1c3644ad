/** Cookies and parameters in a head, compared with simple reference readers. */
import { deepEqual, equal } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cookieIn, unquoted } from '../../src/http1/cookie.ts'
import { parameterIn, unescaped } from '../../src/http1/query.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'
import { setCookiesIn } from '../../src/http1/set-cookie.ts'
import fc from '../support/property.ts'

const NOW = 1_800_000_000
const LIMITS = { headSize: 10_000, headers: 100 }
/** From few, significant characters, so that names are equal often. */
const piece = fc.string({ unit: fc.constantFrom('a', 'b', 'ab', '=', ';', ' ', '"', ',', '\t', '\xe9'), maxLength: 12 })
const name = fc.constantFrom('a', 'b', 'ab', 'ba', 'aa')

function requestWith(...cookies: readonly string[]): RequestHead {
  const head = new RequestHead()
  const fields = cookies.map((cookie) => `Cookie: ${cookie}\r\n`).join('')
  head.parse(Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`, 'latin1'), 0, LIMITS)
  return head
}

function responseWith(...cookies: readonly string[]): ResponseHead {
  const head = new ResponseHead()
  const fields = cookies.map((cookie) => `Set-Cookie: ${cookie}\r\n`).join('')
  head.parse(Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\n`, 'latin1'), 0, LIMITS)
  return head
}

const blank = /^[ \t]+|[ \t]+$/g

/** The name and value of each pair. */
function pairsOf(text: string): [string, string][] {
  return text
    .split(';')
    .map((pair) => pair.replace(blank, ''))
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [first = '', ...rest] = pair.split('=')
      return [first.replace(blank, ''), rest.join('=').replace(blank, '')]
    })
}

describe('a cookie', () => {
  test('of a request is the first one with exactly that name, in any of its fields', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 3 }), name, (fields, wanted) => {
        const expected = fields.flatMap(pairsOf).find(([found]) => found === wanted)?.[1]
        equal(cookieIn(requestWith(...fields), wanted), expected)
      }),
      { numRuns: 2000 },
    )
  })

  test('of a response is the last one that is set with exactly that name', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 3 }), name, (fields, wanted) => {
        const set = fields.map((field) => pairsOf(field)[0])
        const last = set.findLast((pair) => pair?.[0] === wanted)
        deepEqual(
          setCookiesIn(responseWith(...fields), wanted, '/', NOW),
          last === undefined ? [] : [unquoted(last[1])],
        )
      }),
      { numRuns: 2000 },
    )
  })

  const date = (seconds: number) => new Date((NOW + seconds) * 1000).toUTCString()
  const outcomes: readonly [attributes: string, value: string][] = [
    ['', 'x'],
    ['; Path=/; HttpOnly; Secure', 'x'],
    ['; Max-Age=60', 'x'],
    ['; Max-Age=0', ''],
    ['; max-age = -1', ''],
    ['; Max-Age=', 'x'],
    ['; Max-Age=soon', 'x'],
    ['; Max-Age=0x0', 'x'],
    ['; Max-Age=-', 'x'],
    ['; Max-Age=0; Max-Age=60', 'x'],
    ['; Max-Age=60; Max-Age=0; Max-Age=never', ''],
    ['; Expires=Thu, 01 Jan 1970 00:00:00 GMT', ''],
    [`; Expires=${date(60)}; Expires=${date(-60)}; Expires=never`, ''],
    [`; Expires=${date(60)}`, 'x'],
    [`; Path=/; expires=${date(-60)}; Secure`, ''],
    ['; Expires=Thu, 01-Jan-1970 00:00:01 GMT', ''],
    ['; Expires=never', 'x'],
    [`; Expires=${date(-60)}; Max-Age=60`, 'x'],
    [`; Max-Age=0; Expires=${date(60)}`, ''],
  ]
  for (const [attributes, value] of outcomes) {
    const outcome = value === '' ? 'takes it away' : 'sets it'
    test(`of a response with "${attributes}" ${outcome}`, () => {
      deepEqual(setCookiesIn(responseWith(`a=x${attributes}`, 'b=y'), 'a', '/', NOW), [value])
    })
  }

  const answers: readonly [what: string, path: string, fields: readonly string[], left: readonly string[]][] = [
    ['another path', '/', ['a=new; Path=/', 'a=; Path=/old; Max-Age=0'], ['new']],
    ['another path, taken away first', '/', ['a=; Path=/old; Max-Age=0', 'a=new; Path=/'], ['new']],
    ['another domain', '/', ['a=new; Path=/', 'a=; Path=/; Domain=example.org; Max-Age=0'], ['new']],
    ['another partition', '/', ['a=new; Path=/; Secure; Partitioned', 'a=; Path=/; Max-Age=0'], ['new']],
    ['the same', '/', ['a=new; Path=/', 'a=; path = /; Max-Age=0'], ['']],
    ['the same, set again', '/', ['a=; Path=/; Max-Age=0', 'a=new; Path=/'], ['new']],
    ['the same, over by its date', '/', ['a=new; Path=/', 'a=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/'], ['']],
    ['the same domain, written otherwise', '/', ['a=new; Domain=.Example.org', 'a=; Domain=example.ORG'], ['']],
    ['the path of the request', '/app/login', ['a=new', 'a=; Path=/app; Max-Age=0'], ['']],
    ['not the path of the request', '/app/login', ['a=new', 'a=; Path=/; Max-Age=0'], ['new']],
    ['no path at all', '/login', ['a=new; Path=here', 'a=; Path=/'], ['']],
    ['the last path of two', '/', ['a=new; Path=/', 'a=; Path=/; Path=/old'], ['new']],
    ['two live ones', '/', ['a=one; Path=/', 'b=y', 'a=two; Path=/app'], ['one', 'two']],
    ['two live ones, one of them twice', '/', ['a=one; Path=/', 'a=two; Path=/b', 'a=three; Path=/'], ['two', 'three']],
    ['one that the request cannot have shown', '/', ['a=; Path=/old; Max-Age=0'], []],
    ['one that the request may have shown', '/old/page', ['a=; Path=/old; Max-Age=0'], ['']],
    ['one of a path that only looks alike', '/older', ['a=; Path=/old; Max-Age=0'], []],
    ['one in quotes', '/', ['a="x y"; Path=/'], ['x y']],
    ['empty quotes', '/', ['a=""; Path=/'], ['']],
    ['none of the name', '/', ['A=x', 'aa=y'], []],
  ]
  for (const [what, path, fields, left] of answers) {
    test(`of a response for ${path} that sets ${what}: ${fields.join(' and ')}`, () => {
      deepEqual(setCookiesIn(responseWith(...fields), 'a', path, NOW), left)
    })
  }
})

test('the cookies of a response are all that a browser would keep, for any number of set and deleted ones', () => {
  const change = fc.record({
    path: fc.constantFrom('/', '/app', '/app/x'),
    domain: fc.constantFrom('', 'a.org', 'b.a.org'),
    partitioned: fc.boolean(),
    value: fc.constantFrom('one', 'two', ''),
    order: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 6 }), (changes) => {
      const jar = new Map<string, string>()
      const fields = changes.map(({ path, domain, partitioned, value, order }) => {
        const place = JSON.stringify([path, domain, partitioned])
        jar.delete(place)
        if (value !== '') jar.set(place, value)
        const attributes = [`Path=${path}`, domain && `Domain=${domain}`, partitioned && 'Partitioned', 'Secure']
        const written = attributes.filter(Boolean)
        return [value === '' ? 'a=gone; Max-Age=0' : `a=${value}`, ...(order ? written : written.reverse())].join('; ')
      })
      const left = [...jar.values()]
      deepEqual(
        setCookiesIn(responseWith(...fields), 'a', '/app/x', NOW),
        left.length > 0 || changes.length === 0 ? left : [''],
      )
    }),
    { numRuns: 2000, seed: 10 },
  )
})

test('a query parameter is the first one with exactly that name and a value', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '=', '&', '?', '%41', '+'), maxLength: 12 })
  fc.assert(
    fc.property(part, name, (query, wanted) => {
      const pair = query.split('&').find((each) => each.startsWith(`${wanted}=`))
      equal(parameterIn(`/a=0&b=1?${query}`, wanted), pair?.slice(wanted.length + 1))
      equal(parameterIn('/a=0&b=1', wanted), undefined)
    }),
    { numRuns: 2000 },
  )
})

test('a parameter may have an escaped name, or one of several names', () => {
  const target = '/?x=0&%73id=1&s%69%64=2&%73id&sid=3&%73%69%6=4&sid%=5&%=6'
  const found = [0, 1, 2, 3].map((after) => parameterIn(target, 'sid', after))
  deepEqual(found, ['1', '2', '3', undefined])
  equal(parameterIn(target, '%73id'), '1')
  equal(parameterIn('/?a%3Db=1', 'a=b'), '1')
})

test('a value is unescaped according to the URL standard', () => {
  const unit = fc.constantFrom('a', '0', '+', '=', '%', '%2', '%41', '%2b', '%25', '%c3%a9', '%zz')
  const text = fc.string({ unit, maxLength: 12 })
  const byUrl = (value: string) => new URLSearchParams(`value=${value}`).get('value')
  const isUtf8 = (value: string) => !byUrl(value)!.includes('\ufffd')
  fc.assert(
    fc.property(text.filter(isUtf8), (value) => {
      equal(Buffer.from(unescaped(value), 'latin1').toString(), byUrl(value))
    }),
    { numRuns: 2000 },
  )
  equal(unescaped('%E9'), '\xe9')
})

test('only the first thousand parameters are searched', () => {
  equal(parameterIn(`/?${'a=1&'.repeat(999)}sid=x`, 'sid'), 'x')
  equal(parameterIn(`/?${'a=1&'.repeat(1000)}sid=x`, 'sid'), undefined)
})
