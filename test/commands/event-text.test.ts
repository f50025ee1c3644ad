import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeEvent, isOutdated } from '../../src/commands/event-text.ts'

function ofDrain(type: string, server: string, sessions: number) {
  const counts = { sessions, active: 0, inFlight: 0, tunnels: 0, emptyAt: null, deadline: null }
  const drain = { upstream: 'app', server, state: 'draining', ...counts }
  return describeEvent({ id: '1', type, data: JSON.stringify({ at: '2026-11-26T20:00:00Z', drain }) })
}

test('of how far a drain is, only the last word counts; of other drains and their beginnings, nothing is left out', () => {
  const progress = ofDrain('drain-progress', 'a', 3)
  assert.equal(isOutdated(progress, ofDrain('drain-progress', 'a', 2)), true)
  assert.equal(isOutdated(progress, ofDrain('drain-ended', 'a', 0)), true)
  assert.equal(isOutdated(progress, ofDrain('drain-progress', 'b', 2)), false)
  assert.equal(isOutdated(progress, ofDrain('drain-started', 'a', 2)), false)
  assert.equal(isOutdated(ofDrain('drain-started', 'a', 3), progress), false)
  const other = describeEvent({ id: '2', type: 'server-health', data: '{"message":"app: a is down"}' })
  assert.equal(isOutdated(other, progress), false)
  assert.equal(isOutdated(progress, other), false)
})
