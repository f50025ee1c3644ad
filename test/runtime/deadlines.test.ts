/** The wheel of deadlines, on a clock that the test moves. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Deadlines, Timed } from '../../src/runtime/deadlines.ts'

class Expiring extends Timed {
  expiredAt = -1
  readonly #clock: () => number

  constructor(clock: () => number) {
    super()
    this.#clock = clock
  }

  override expire(): void {
    this.expiredAt = this.#clock()
  }
}

/** A wheel, and how to let time pass: tick by tick, or all at once as for a process that is stopped. */
function wheel(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let time = 1_000_000
  const clock = () => time
  const deadlines = new Deadlines(clock)
  return {
    deadlines,
    clock,
    pass(ms: number) {
      for (const end = time + ms; time < end; ) {
        time += 50
        t.mock.timers.tick(50)
      }
    },
    standStill(ms: number) {
      time += ms
      t.mock.timers.tick(50)
    },
  }
}

test('a deadline passes at its time, also far beyond one turn of the wheel', (t) => {
  const { deadlines, clock, pass } = wheel(t)
  for (const after of [50, 1000, 102_400, 250_000]) {
    const timed = new Expiring(clock)
    const start = clock()
    deadlines.set(timed, after)
    pass(after)
    assert.equal(timed.expiredAt, -1)
    pass(100)
    assert.ok(timed.expiredAt >= start + after)
  }
})

test('a process that stood still moves each deadline by as much, once', (t) => {
  const { deadlines, clock, pass, standStill } = wheel(t)
  const timed = new Expiring(clock)
  const start = clock()
  deadlines.set(timed, 2000)
  pass(1000)
  standStill(8000)
  assert.equal(timed.expiredAt, -1)
  pass(900)
  assert.equal(timed.expiredAt, -1)
  pass(250)
  assert.ok(timed.expiredAt >= start + 9950 && timed.expiredAt <= start + 10_200, String(timed.expiredAt - start))
})

test('a tick that is a little late expires what is due', (t) => {
  const { deadlines, clock, standStill } = wheel(t)
  const timed = new Expiring(clock)
  deadlines.set(timed, 200)
  standStill(400)
  assert.equal(timed.expiredAt, clock())
})
