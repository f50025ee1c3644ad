/** Users and WebSockets of containers that are stopped, recreated, scaled, paused and killed on a real engine. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { docker, testWithEngine } from './engine.ts'
import { assertNothingHappened, replace, startRolling } from './rolling.ts'

const few = { users: 60, websockets: 10 }

testWithEngine('recreated containers that close their listener at SIGTERM', async (test) => {
  const rolling = await startRolling(test, few, { linger: 0 })
  await replace(rolling, 3)
  const outcome = await rolling.finish()
  assertNothingHappened(outcome)
  assert.deepEqual(outcome.codes, new Set([1001]))
})

testWithEngine('recreated containers that linger', async (test) => {
  const rolling = await startRolling(test, few, { linger: 1000 })
  await replace(rolling, 3)
  assertNothingHappened(await rolling.finish())
})
