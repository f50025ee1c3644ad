import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, ratio, summarize } from '../../bench/statistics.ts'
import fc from '../support/property.ts'

const figures = fc.array(fc.double({ min: 0.001, max: 1e9, noNaN: true }), { minLength: 1 })

test('the median of an odd number of rounds is the one in the middle', () => {
  assert.equal(median([10, 2, 9]), 9)
})

test('the median of an even number of rounds is between the two in the middle', () => {
  assert.equal(median([1, 10, 2, 4]), 3)
})

test('the median of nothing is refused', () => {
  assert.throws(() => median([]), RangeError)
})

test('the number of rounds at most the median equals the number at least the median', () => {
  fc.assert(
    fc.property(figures, (values) => {
      const middle = median(values)
      const below = values.filter((value) => value <= middle).length
      const above = values.filter((value) => value >= middle).length
      return below * 2 >= values.length && above * 2 >= values.length
    }),
  )
})

test('a summary leaves out the rounds that failed', () => {
  assert.deepEqual(summarize([3, undefined, 1, 8]), { median: 3, low: 1, high: 8, rounds: 3 })
})

test('when every round failed there is no summary', () => {
  assert.equal(summarize([undefined, undefined]), undefined)
})

test('a ratio is taken round by round', () => {
  // The machine was three times slower in the last round, which does not affect the ratio.
  assert.deepEqual(ratio([10, 12, 30], [20, 20, 60]), { median: 0.5, low: 0.5, high: 0.6, rounds: 3 })
})

test('a ratio counts the rounds in which neither side failed', () => {
  assert.deepEqual(ratio([10, undefined, 30], [20, 20, undefined]), { median: 0.5, low: 0.5, high: 0.5, rounds: 1 })
  assert.equal(ratio([1], [0]), undefined)
})

test('the ratio of a series to itself is 1', () => {
  fc.assert(fc.property(figures, (values) => ratio(values, values)?.median === 1))
})
