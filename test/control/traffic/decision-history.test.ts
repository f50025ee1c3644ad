/** What the dashboard is told of reasons, held against all that was counted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DECISION_STEP, DecisionHistory } from '../../../src/control/traffic/decision-history.ts'
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
      const history = new DecisionHistory()
      const all: { reason: Reason; count: number; step: number }[] = []
      let seconds = 0
      for (const { reason, count, seconds: passed } of samples) {
        history.add(counted(reason, count), passed)
        seconds += passed
        all.push({ reason, count, step: Math.floor(seconds / DECISION_STEP) })
      }
      const newest = Math.floor(seconds / DECISION_STEP)
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
      assert.deepEqual(history.reasons, expected)
    }),
  )
})

test('the stickiness is that of the last five minutes, and of nothing before', () => {
  const history = new DecisionHistory()
  const add = (known: number, stuck: number, seconds: number) => {
    const changes = new Float64Array(UPSTREAM_CELLS)
    changes[UpstreamCell.Known] = known
    changes[UpstreamCell.Stuck] = stuck
    history.add(changes, seconds)
    return history.stickiness
  }
  assert.equal(history.stickiness, null)
  assert.equal(add(10, 5, 1), 0.5)
  assert.equal(add(0, 0, 120), 0.5)
  assert.equal(add(30, 30, 1), 35 / 40)
  assert.equal(add(0, 0, 240), 1)
  assert.equal(add(0, 0, 300), null)
})
