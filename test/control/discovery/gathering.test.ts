/** Changes that come in bursts are put into effect together. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { Gathering } from '../../../src/control/discovery/gathering.ts'

/** Counts what is put into effect; each takes until `finish` is called, where it is held. */
function gathering(isHeld = false) {
  const applies = { begun: 0, finish: () => {} }
  const all = new Gathering(() => {
    applies.begun++
    if (!isHeld) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    applies.finish = resolve
    return promise
  })
  return { applies, all }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

/** The clock of the test in place of `setTimeout` and `performance.now`. */
function clock(): (ms: number) => Promise<void> {
  mock.timers.enable({ apis: ['setTimeout'] })
  let now = 1000
  mock.method(performance, 'now', () => now)
  return async (ms) => {
    for (let passed = 0; passed < ms; passed++) {
      now++
      mock.timers.tick(1)
      await settled()
    }
  }
}

test('changes', async (test) => {
  test.afterEach(() => {
    mock.timers.reset()
    mock.restoreAll()
  })

  await test.test('take effect once there has been none for 10 ms, at the latest 100 ms after the first', async () => {
    const pass = clock()
    const { applies, all } = gathering()
    for (let change = 0; change < 45; change++) {
      all.add(false)
      await pass(4)
    }
    assert.equal(applies.begun, 1)
    await pass(10)
    assert.equal(applies.begun, 2)
    await pass(200)
    assert.equal(applies.begun, 2)
    all.close()
  })

  await test.test('take effect at once with one that is urgent', async () => {
    const pass = clock()
    const { applies, all } = gathering()
    all.add(false)
    all.add(true)
    assert.equal(applies.begun, 1)
    await pass(200)
    assert.equal(applies.begun, 1)
    all.close()
  })

  await test.test('that come during another wait for its end, and for their burst', async () => {
    const pass = clock()
    const { applies, all } = gathering(true)
    all.add(true)
    all.add(false)
    await pass(50)
    assert.equal(applies.begun, 1)
    all.add(false)
    applies.finish()
    await settled()
    assert.equal(applies.begun, 1)
    await pass(10)
    assert.equal(applies.begun, 2)
    all.add(true)
    assert.equal(applies.begun, 2)
    applies.finish()
    await settled()
    assert.equal(applies.begun, 3)
    all.close()
  })

  await test.test('do not take effect after the end', async () => {
    const pass = clock()
    const { applies, all } = gathering(true)
    all.add(false)
    all.close()
    await pass(200)
    assert.equal(applies.begun, 0)
    all.add(true)
    assert.equal(applies.begun, 0)
  })
})
