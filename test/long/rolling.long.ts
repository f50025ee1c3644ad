/** Users and WebSockets of containers that are stopped, recreated, scaled, paused and killed on a real engine. */
import assert from 'node:assert/strict'
import type { Server } from 'node:net'
import { after, before } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { DyingContainer } from '../containers/dying-container.ts'
import { docker, hasEngine, lockEngine, testWithEngine } from '../containers/engine.ts'
import { killTimes } from '../containers/kill-times.ts'
import { assertNothingHappened, assertOnlyPostsFailed, kill, replace, startRolling } from '../containers/rolling.ts'

let lock: Server | undefined

before(async () => {
  if (hasEngine) lock = await lockEngine()
})

after(() => lock?.close())

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

testWithEngine('a container that is stopped and started again, and one that is paused', async (test) => {
  const rolling = await startRolling(test, few, { linger: 0 })
  const [first, second] = rolling.containers
  await docker('stop', first!.id)
  await pause(500)
  await docker('start', first!.id)
  await pause(500)
  await docker('pause', second!.id)
  await pause(1000)
  await docker('unpause', second!.id)
  assertNothingHappened(await rolling.finish())
})

testWithEngine('one more container, new users, and one container less', async (test) => {
  const rolling = await startRolling(test, few, { linger: 0 })
  const fourth = new DyingContainer(test, rolling.service, 4)
  await fourth.start()
  await rolling.limpet.errors.find(/web\.4 added/)
  rolling.join(20)
  await pause(1000)
  await fourth.stop()
  await fourth.remove()
  assertNothingHappened(await rolling.finish())
})

testWithEngine('a lost connection to the engine, while containers are recreated', async (test) => {
  const rolling = await startRolling(test, few, { linger: 0 })
  rolling.cut()
  await replace(rolling, 3)
  await rolling.limpet.errors.find(/answers again/)
  assertNothingHappened(await rolling.finish())
})

testWithEngine('a container that leaves its network, and comes back', async (test) => {
  const rolling = await startRolling(test, few, { linger: 0 })
  const [first] = rolling.containers
  await docker('network', 'disconnect', 'bridge', first!.id)
  await pause(1000)
  await docker('network', 'connect', 'bridge', first!.id)
  assertNothingHappened(await rolling.finish())
})

testWithEngine('a container whose health check fails for a while', async (test) => {
  const check = ['--health-cmd', 'test ! -f /tmp/ill', '--health-interval', '200ms', '--health-retries', '1']
  const rolling = await startRolling(test, few, { linger: 0, options: check })
  const [first] = rolling.containers
  await docker('exec', first!.id, 'touch', '/tmp/ill')

  await rolling.limpet.errors.find(/web\.1: ready → maintenance/)
  await pause(500)
  await docker('exec', first!.id, 'rm', '/tmp/ill')
  await rolling.limpet.errors.find(/web\.1: maintenance → ready/)
  const { trouble, refused } = await rolling.finish()
  assert.deepEqual(trouble, [])
  assert.deepEqual(refused, [])
})

testWithEngine('of killed containers, only POSTs in flight fail', async (test) => {
  const rolling = await startRolling(test, few, { linger: 0 })
  await kill(rolling, 3)
  assertOnlyPostsFailed(await rolling.finish())
})

testWithEngine('a stop signal takes effect within 50 ms in the median, under load', async (test) => {
  const rolling = await startRolling(test, few, { linger: 300 })
  const sent = await killTimes(test, rolling.service.name)
  const times: number[] = []
  for (let round = 0; round < 7; round++) {
    const container = rolling.containers[round % 3]!
    const { id } = container
    const drains = rolling.limpet.errors
      .matching(new RegExp(`web\\.${(round % 3) + 1}: ready → drain`), Math.floor(round / 3) + 1)
      .then(() => Date.now())
    await container.stop()
    times.push((await drains) - sent.get(id)!)
    await container.remove()
    await container.start()
    await rolling.limpet.errors.matching(
      new RegExp(`web\\.${(round % 3) + 1}: away → ready`),
      Math.floor(round / 3) + 1,
    )
  }
  const median = times.toSorted((one, other) => one - other)[3]!
  test.diagnostic(`median ${median.toFixed(1)} ms, all ${times.map((time) => time.toFixed(1)).join(' ')}`)
  assert.ok(median <= 50, `${median} ms`)
  assertNothingHappened(await rolling.finish())
})
