/** What the dashboard is told of reasons, held against all that was counted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REASON_STEP, ReasonHistory } from '../../../src/control/traffic/reason-history.ts'
import { type Reason, reasons } from '../../../src/runtime/reason.ts'
import { UPSTREAM_CELLS, UpstreamCell } from '../../../src/runtime/tallies/layout.ts'
import fc from '../../support/property.ts'

const STEPS = 20

function counted(reason: Reason, count: number): Float64Array {
  const changes = new Float64Array(UPSTREAM_CELLS)
  changes[UpstreamCell.Reasons + reasons.indexOf(reason)] = count
  return changes
}

test('counts each reason in the step that it came in, and forgets what is older than five minutes', () => {
  const sample = fc.record({
    reason: fc.constantFrom(...reasons),
    count: fc.nat(1000),
    // A sample that is late stands for several seconds, at times for more than are kept.
    seconds: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 700 })),
  })
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 200 }), (samples) => {
      const history = new ReasonHistory()
      const all: { reason: Reason; count: number; step: number }[] = []
      let seconds = 0
      for (const { reason, count, seconds: passed } of samples) {
        history.add(counted(reason, count), passed)
        seconds += passed
        all.push({ reason, count, step: Math.floor(seconds / REASON_STEP) })
      }
      const newest = Math.floor(seconds / REASON_STEP)
      const expected = reasons
        .map((reason) => ({
          reason,
          recent: Array.from({ length: STEPS }, (_, index) =>
            all
              .filter((one) => one.reason === reason && one.step === newest - STEPS + 1 + index)
              .reduce((sum, { count }) => sum + count, 0),
          ),
        }))
        .filter(({ recent }) => recent.some((count) => count > 0))
      assert.deepEqual(history.recent, expected)
    }),
  )
})
