/** When checks are made, on a fake clock. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Checker } from '../../src/health/checker.ts'
import { Gate } from '../../src/health/gate.ts'
import type { Verdict } from '../../src/health/verdict.ts'
import { LONGEST_DURATION } from '../../src/runtime/bounds.ts'
import type { CheckTiming } from '../../src/runtime/health-settings.ts'
import '../support/seeded-random.ts'

const timing: CheckTiming = { interval: 5000, jitter: 10, timeout: 2000, rise: 2, fall: 3, initial: 'up' }
const passed: Verdict = { passed: true, cause: 'well' }
const failed: Verdict = { passed: false, cause: 'ill' }

/** A checker whose time the test makes pass, and whose every check it answers. */
class Scene {
  time = 0
  readonly startedAt: number[] = []
  readonly told: string[] = []
  readonly checker: Checker
  answer: (signal: AbortSignal) => Promise<Verdict> = async () => passed
  readonly #test: TestContext

  constructor(test: TestContext, settings: Partial<CheckTiming> = {}, gate = new Gate(1)) {
    this.#test = test
    const probe = (signal: AbortSignal) => {
      this.startedAt.push(this.time)
      return this.answer(signal)
    }
    this.checker = new Checker({ ...timing, ...settings }, probe, gate, (isUp, cause) =>
      this.told.push(`${isUp ? 'up' : 'down'}: ${cause}`),
    )
    test.after(() => this.checker.stop())
  }

  async pass(ms: number): Promise<void> {
    for (const end = this.time + ms; this.time < end; this.time += 50) {
      this.#test.mock.timers.tick(50)
      for (let i = 0; i < 5; i++) await turn()
    }
  }
}

function useFakeTime(test: TestContext): void {
  test.mock.timers.enable({ apis: ['setTimeout'] })
}

/** A check that ends by its signal only. */
function untilAborted(signal: AbortSignal): Promise<Verdict> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(failed)))
}

describe('a checker', () => {
  test('waits as long as a timer can, where jitter makes the interval longer than that', async (t) => {
    const waits: number[] = []
    t.mock.method(globalThis, 'setTimeout', (done: () => void, ms: number) => {
      waits.push(ms)
      if (waits.length < 200 && ms !== timing.timeout) setImmediate(done)
    })
    const scene = new Scene(t, { interval: LONGEST_DURATION, jitter: 50 })
    scene.checker.start()
    while (waits.length < 200) await turn()
    assert.ok(waits.includes(LONGEST_DURATION))
    assert.ok(waits.every((ms) => ms <= LONGEST_DURATION))
  })

  test('checks within the first second, then spreads, then keeps to its interval give or take the jitter', async (t) => {
    useFakeTime(t)
    const scene = new Scene(t)
    scene.checker.start()
    await scene.pass(60_000)
    const [first, ...rest] = scene.startedAt
    assert.ok(first! <= 1050, `${first}`)
    const pauses = rest.map((at, index) => at - scene.startedAt[index]!)
    assert.ok(pauses[0]! <= 5050)
    assert.ok(pauses.length >= 10)
    for (const pause of pauses.slice(1)) assert.ok(pause >= 4450 && pause <= 5550, `${pause}`)
    assert.deepEqual(scene.told, [])
  })

  test('checks at once where a server does not serve before', async (t) => {
    useFakeTime(t)
    const scene = new Scene(t, { initial: 'down' })
    scene.checker.start()
    await scene.checker.first
    assert.deepEqual(scene.told, ['up: well'])
  })

  test('tells of a change once, with its cause', async (t) => {
    useFakeTime(t)
    const scene = new Scene(t, { jitter: 0 })
    scene.checker.start()
    await scene.pass(11_000)
    scene.answer = async () => failed
    await scene.pass(30_000)
    scene.answer = async () => passed
    await scene.pass(30_000)
    assert.deepEqual(scene.told, ['down: ill, 3 times in a row', 'up: well, 2 times in a row'])
  })

  test('tells once that a server stays down that never was up', async (t) => {
    useFakeTime(t)
    const scene = new Scene(t, { initial: 'unknown' })
    scene.answer = async () => failed
    scene.checker.start()
    await scene.pass(30_000)
    assert.deepEqual(scene.told, ['down: ill'])
  })

  test('gives a check its time and no more, and never has two of a server under way', async (t) => {
    useFakeTime(t)
    const scene = new Scene(t, { interval: 1000, jitter: 0 })
    scene.answer = untilAborted
    scene.checker.start()
    await scene.pass(21_000)
    const pauses = scene.startedAt.slice(1).map((at, index) => at - scene.startedAt[index]!)
    assert.ok(pauses.length >= 8)
    for (const pause of pauses) assert.ok(pause >= 1950 && pause <= 2100, `${pause}`)
    assert.deepEqual(scene.told, ['down: ill'])
  })

  test('breaks off its check when it stops, and tells nothing any more', async (t) => {
    useFakeTime(t)
    const scene = new Scene(t, { initial: 'down', timeout: 3_600_000 })
    let broken = false
    scene.answer = (signal) => {
      signal.addEventListener('abort', () => {
        broken = true
      })
      return untilAborted(signal)
    }
    scene.checker.start()
    await scene.pass(6000)
    scene.checker.stop()
    await scene.pass(60_000)
    assert.ok(broken)
    assert.equal(scene.startedAt.length, 1)
    assert.deepEqual(scene.told, [])
  })

  test('waits where too many others are under way, and its time does not run meanwhile', async (t) => {
    useFakeTime(t)
    const gate = new Gate(1)
    await gate.enter()
    const scene = new Scene(t, { initial: 'down' }, gate)
    scene.checker.start()
    await scene.pass(3000)
    assert.equal(scene.startedAt.length, 0)
    gate.leave()
    await scene.checker.first
    assert.deepEqual(scene.told, ['up: well'])
  })

  test('checks nothing that it was stopped from while it waited for others', async (t) => {
    useFakeTime(t)
    const gate = new Gate(1)
    await gate.enter()
    const scene = new Scene(t, { initial: 'down' }, gate)
    scene.checker.start()
    scene.checker.stop()
    gate.leave()
    await scene.checker.first
    await scene.pass(50)
    assert.deepEqual([scene.startedAt, scene.told], [[], []])
    // Its place is free again.
    await gate.enter()
  })
})
