import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prefersJson } from '../../src/exchange/accept.ts'
import fc from '../support/property.ts'

/** A simple reference implementation (RFC 9110 §12.5.1). */
function plainly(accept: string): boolean {
  const weightOf = (type: RegExp) =>
    accept.split(',').reduce((most, range) => {
      const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
      const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1'
      return type.test(name) ? Math.max(most, Number.parseFloat(weight) || 0) : most
    }, 0)
  return weightOf(/^application\/(.+\+)?json$/) > weightOf(/^text\/(html|\*)$/)
}

const types = [
  'application/json',
  'Application/JSON',
  'application/problem+json',
  'application/+json',
  'application/xjson',
]
const others = [
  'text/html',
  'TEXT/*',
  'text/htm',
  'text/html5',
  '*/*',
  'application/',
  'json',
  'application/json x',
  '',
]
const weights = ['q=0', 'q=1', 'Q=0.5', 'q=0.25', 'q=0.999', 'q=1.000', 'q=.5', 'q=', 'q=x', 'q =0.1', 'level=1', '']

test('JSON is preferred if it has more weight than HTML', () => {
  const blank = fc.constantFrom('', '', ' ', '\t')
  const parameter = fc
    .tuple(blank, blank, fc.constantFrom(...weights), blank)
    .map(([a, b, text, c]) => `${a};${b}${text}${c}`)
  const range = fc
    .tuple(blank, fc.constantFrom(...types, ...others), fc.array(parameter, { maxLength: 2 }), blank)
    .map(([a, type, parameters, b]) => `${a}${type}${parameters.join('')}${b}`)
  fc.assert(
    fc.property(fc.array(range, { maxLength: 5 }), (ranges) => {
      const accept = ranges.join(',')
      assert.equal(prefersJson(accept), plainly(accept))
    }),
    { seed: 15, numRuns: 20_000 },
  )
})

test('a field of half a megabyte is read completely', () => {
  assert.equal(prefersJson(`${','.repeat(500_000)}application/json`), true)
  assert.equal(prefersJson(`${'text/html;q=0.1,'.repeat(30_000)}application/json;q=0.2`), true)
})
