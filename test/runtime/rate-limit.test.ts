/** How many things a limit lets through. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RateLimit } from '../../src/runtime/rate-limit.ts'
import fc from '../support/property.ts'

test('within any second no more than it says, whatever comes', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 400 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), gaps, (perSecond, gaps) => {
      const limit = new RateLimit(perSecond, Math.ceil(perSecond / 2))
      const taken: number[] = []
      let now = 1000
      for (const gap of gaps) {
        now += gap
        if (limit.take(now)) taken.push(now)
      }
      for (const [nth, time] of taken.entries()) {
        const before = taken[nth - perSecond]
        assert.ok(before === undefined || time - before >= 1000)
      }
    }),
  )
})

test('all that come slowly, and under a steady load as many as it says, not all at once', () => {
  const slow = new RateLimit(10, 5)
  for (let now = 0; now < 10_000; now += 100) assert.ok(slow.take(now))
  const busy = new RateLimit(10, 5)
  const taken: number[] = []
  for (let now = 0; now < 10_000; now++) if (busy.take(now)) taken.push(now)
  assert.ok(taken.length >= 95 && taken.length <= 100, String(taken.length))
  const last = taken.slice(-10)
  assert.ok(last.at(-1)! - last[0]! >= 400, String(last))
})
