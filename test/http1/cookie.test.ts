/** Cookies and parameters as they stand in a head, against readers that go the plain way. */
import { equal } from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { cookieIn, setCookieIn } from '../../src/http1/cookie.ts'
import { parameterIn } from '../../src/http1/query.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'

const NOW = 1_800_000_000
const LIMITS = { headSize: 10_000, headers: 100 }
/** Made of what matters, so that names meet. */
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

/** Name and value of each pair that there is. */
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
  test('of a request is the first of exactly that name, in any of its fields', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 3 }), name, (fields, wanted) => {
        const expected = fields.flatMap(pairsOf).find(([found]) => found === wanted)?.[1]
        equal(cookieIn(requestWith(...fields), wanted), expected)
      }),
      { numRuns: 2000 },
    )
  })

  test('of a response is the last that is set by exactly that name', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 3 }), name, (fields, wanted) => {
        const set = fields.map((field) => pairsOf(field)[0])
        equal(setCookieIn(responseWith(...fields), wanted, NOW), set.findLast((pair) => pair?.[0] === wanted)?.[1])
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
      equal(setCookieIn(responseWith(`a=x${attributes}`, 'b=y'), 'a', NOW), value)
    })
  }
})

test('a parameter of a query is the first of exactly that name that has a value', () => {
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
