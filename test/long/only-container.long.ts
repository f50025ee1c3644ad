/** Users and WebSockets of the only container of a service, or of all of them at once, while it is restarted and recreated. */
import assert from 'node:assert/strict'
import type { Server } from 'node:net'
import { after, before } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { hasEngine, lockEngine, testWithEngine } from '../containers/engine.ts'
import { assertNothingHappened, type Rolling, startRolling } from '../containers/rolling.ts'

let lock: Server | undefined

before(async () => {
  if (hasEngine) lock = await lockEngine()
})

after(() => lock?.close())

const crowd = { users: 60, websockets: 10 }
const only = { ...crowd, containers: 1 }

/** Does that with all containers at once, three times. */
async function threeTimes({ containers }: Rolling, what: (container: Rolling['containers'][number]) => Promise<void>) {
  for (let round = 0; round < 3; round++) {
    await Promise.all(containers.map(what))
    for (const container of containers) await container.listens()
    await pause(1500)
  }
}

for (const [which, size] of [
  ['the only container', only],
  ['all containers at once', crowd],
] as const) {
  for (const [how, linger] of [
    ['closes its listener at SIGTERM', 0],
    ['lingers for five seconds', 5000],
  ] as const) {
    testWithEngine(`${which}, restarted, which ${how}`, async (test) => {
      const rolling = await startRolling(test, size, { linger })
      await threeTimes(rolling, (container) => container.restart())
      assertNothingHappened(await rolling.finish())
    })

    testWithEngine(`${which}, recreated, which ${how}`, async (test) => {
      const rolling = await startRolling(test, size, { linger })
      await threeTimes(rolling, async (container) => {
        await container.stop()
        await container.remove()
        await container.start()
      })
      assertNothingHappened(await rolling.finish())
    })
  }

  testWithEngine(`${which}, restarted, which ignores SIGTERM: only POSTs in flight fail`, async (test) => {
    const rolling = await startRolling(test, size, { linger: 600_000 })
    await threeTimes(rolling, (container) => container.restart(2))
    const { trouble, refused, moved } = await rolling.finish()
    assert.deepEqual(
      trouble.filter((each) => each !== 'POST 502'),
      [],
    )
    assert.deepEqual(refused, [])
    assert.equal(moved, 0)
  })
}
