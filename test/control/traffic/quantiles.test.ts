/** What a histogram says of the times in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quantilesOf } from '../../../src/control/traffic/quantiles.ts'
import { BUCKETS, HISTOGRAM } from '../../../src/runtime/tallies/layout.ts'
import fc from '../../support/property.ts'

/** A histogram of times in s, as workers count. */
function histogramOf(times: readonly number[]): Float64Array {
  const cells = new Float64Array(HISTOGRAM)
  for (const time of times) {
    const bucket = BUCKETS.findIndex((limit) => time <= limit)
    cells[bucket < 0 ? BUCKETS.length : bucket]!++
  }
  return cells
}

test('nothing where nothing was measured', () => {
  assert.deepEqual(quantilesOf(histogramOf([])), { p50: null, p95: null, p99: null })
})

test('each is in the bucket of the time that it stands for', () => {
  const limits = [0, ...BUCKETS]
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.0001, max: 29, noNaN: true }), { minLength: 1, maxLength: 200 }),
      (times) => {
        const sorted = times.toSorted((one, other) => one - other)
        const found = quantilesOf(histogramOf(times))
        for (const [key, share] of [
          ['p50', 0.5],
          ['p95', 0.95],
          ['p99', 0.99],
        ] as const) {
          const exact = sorted[Math.ceil(share * times.length) - 1]!
          const bucket = BUCKETS.findIndex((limit) => exact <= limit)
          const seconds = found[key]! / 1000
          assert.ok(
            seconds >= limits[bucket]! - 1e-5 && seconds <= limits[bucket + 1]! + 1e-5,
            `${key} ${seconds} of ${exact}`,
          )
        }
      },
    ),
  )
})

test('what is above all limits counts as the last limit', () => {
  assert.deepEqual(quantilesOf(histogramOf([40, 50])), { p50: 30_000, p95: 30_000, p99: 30_000 })
})
