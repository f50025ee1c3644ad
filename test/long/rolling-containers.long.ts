/** As rolling.long.ts, with more users, more WebSockets and more replacements. */
import { testWithEngine } from '../containers/engine.ts'
import { assertNothingHappened, assertOnlyPostsFailed, kill, replace, startRolling } from '../containers/rolling.ts'

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
  await kill(rolling, 50)
  assertOnlyPostsFailed(await rolling.finish())
})
