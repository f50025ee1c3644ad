/** The same as in test/long/rolling.long.ts, with more of everything. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { docker, testWithEngine } from '../containers/engine.ts'
import { assertNothingHappened, replace, startRolling } from '../containers/rolling.ts'

const many = { users: 200, websockets: 50 }

testWithEngine('50 recreated containers that close their listener at SIGTERM', async (test) => {
  const rolling = await startRolling(test, many, { linger: 0 })
  await replace(rolling, 50)
  assertNothingHappened(await rolling.finish())
})

testWithEngine('50 recreated containers that linger for a second', async (test) => {
  const rolling = await startRolling(test, many, { linger: 1000 })
  await replace(rolling, 50)
  assertNothingHappened(await rolling.finish())
})

testWithEngine('20 recreated containers that linger for five seconds', async (test) => {
  const rolling = await startRolling(test, many, { linger: 5000 })
  await replace(rolling, 20)
  assertNothingHappened(await rolling.finish())
})

testWithEngine('of 50 killed containers, only POSTs in flight fail', async (test) => {
  const rolling = await startRolling(test, many, { linger: 0 })
  for (let round = 0; round < 50; round++) {
    const container = rolling.containers[round % 3]!
    await docker('kill', container.id)
    await container.remove()
    await container.start()
    await pause(500)
  }
  const { trouble, refused, moved } = await rolling.finish()
  assert.deepEqual(
    trouble.filter((each) => each !== 'POST 502'),
    [],
  )
  assert.deepEqual(refused, [])
  assert.equal(moved, 0)
})
