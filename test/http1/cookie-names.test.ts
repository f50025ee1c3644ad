import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CookieNames } from '../../src/http1/cookie-names.ts'
import fc from '../support/property.ts'

/** The pairs of a Cookie field that have one of the names. */
function found(names: CookieNames, field: string): string[] {
  const bytes = Buffer.from(`X${field}\r\n`, 'latin1')
  const pairs: string[] = []
  for (let from = 1; names.find(bytes, from, field.length + 1); from = names.end)
    pairs.push(bytes.toString('latin1', names.start, names.end))
  return pairs
}

/** A simple reference implementation. */
function plainly(names: readonly string[], field: string): string[] {
  const pairs = field.split(';').map((pair) => pair.replace(/^[ \t]+/, ''))
  return pairs.filter((pair) => pair !== '' && names.includes(pair.split('=', 1)[0]!.replace(/[ \t]+$/, '')))
}

test('pairs are found by name, in any context', () => {
  const names = ['stick', 'stick2', 'a']
  const set = new CookieNames(names)
  const part = fc.constantFrom('stick', 'stick2', 'a', 'A', 'b', 'sticky', '=', '=', ';', ';', ' ', '\t', 'x')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 16 }), (parts) => {
      assert.deepEqual(found(set, parts.join('')), plainly(names, parts.join('')))
    }),
    { seed: 15, numRuns: 20_000 },
  )
})

test('each of a thousand names is found', () => {
  const names = Array.from({ length: 1000 }, (_, index) => `name-${index}`)
  const field = [...names, 'name-1000', 'NAME-1'].map((name) => `${name}=1`).join('; ')
  assert.deepEqual(
    found(new CookieNames(names), field),
    names.map((name) => `${name}=1`),
  )
  assert.deepEqual(found(new CookieNames([]), field), [])
})
