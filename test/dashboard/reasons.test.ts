import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reasonWords } from '../../dashboard/state/reasons.ts'
import { reasons } from '../../src/runtime/reason.ts'

test('the dashboard has words for each reason, in the same order', () => {
  assert.deepEqual(Object.keys(reasonWords), [...reasons])
})
