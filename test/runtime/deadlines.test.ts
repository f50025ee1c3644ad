/** The wheel of deadlines, on a clock that the test moves. A tick is 50 ms, and a turn of the wheel 2048 ticks. */
import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import { STANDSTILL } from '../../src/runtime/clock.ts'
import { Timed } from '../../src/runtime/deadlines.ts'
import fc from '../support/property.ts'
import { TICK, wheel } from '../support/wheel.ts'

const TURN = 2048 * TICK

class Expiring extends Timed {
  expiredAt = -1
  readonly #clock: () => number
  readonly #act: () => void

  /** @param act what it does besides when it expires */
  constructor(clock: () => number, act = () => {}) {
    super()
    this.#clock = clock
    this.#act = act
  }

  override expire(): void {
    this.expiredAt = this.#clock()
    this.#act()
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

test('a deadline about one turn ahead passes at its time', (t) => {
  const { deadlines, clock, pass } = wheel(t)
  for (let after = TURN - 3 * TICK; after <= TURN + 3 * TICK; after += TICK / 2) {
    const timed = new Expiring(clock)
    const start = clock()
    deadlines.set(timed, after)
    pass(TURN + 5 * TICK)
    const late = timed.expiredAt - start - after
    assert.ok(late >= 0 && late <= TICK, `${after} ms: ${late} ms late`)
  }
})

test('a deadline passes at its time where the slots begin again', (t) => {
  for (const ticksBefore of [1, 2, 5]) {
    const { deadlines, clock, pass } = wheel(t, 10 * TURN - ticksBefore * TICK)
    const start = clock()
    const [near, far] = [new Expiring(clock), new Expiring(clock)]
    deadlines.set(far, 400)
    deadlines.set(near, 40)
    pass(600)
    assert.deepEqual([near.expiredAt - start, far.expiredAt - start], [50, 450])
    t.mock.timers.reset()
  }
})

test('a deadline that is past when it is set passes at the next tick', (t) => {
  const { deadlines, clock, pass } = wheel(t)
  const timed = new Expiring(clock)
  deadlines.set(timed, -1000)
  pass(50)
  assert.equal(timed.expiredAt, clock())
})

describe('a deadline that moves', () => {
  for (const [where, start] of [
    ['in the middle of a turn', 10.5 * TURN],
    ['across the place where the slots begin again', 10 * TURN - 3 * TICK],
  ] as const) {
    test(`to an earlier time passes then, ${where}`, (t) => {
      for (const [first, then] of [
        [10_000, 1000],
        [400, 50],
        [120, 70],
        [TURN, 200],
        [TURN - 50, 200],
        [5 * TURN, TURN - 100],
      ] as const) {
        const { deadlines, clock, pass } = wheel(t, start)
        const timed = new Expiring(clock)
        deadlines.set(timed, first)
        deadlines.set(timed, then)
        pass(first + 100)
        assert.ok(timed.expiredAt > start + then && timed.expiredAt <= start + then + TICK, `${first} to ${then}`)
        t.mock.timers.reset()
      }
    })

    test(`to a later time passes only then, ${where}`, (t) => {
      const { deadlines, clock, pass } = wheel(t, start)
      const timed = new Expiring(clock)
      deadlines.set(timed, 200)
      for (let i = 0; i < 20; i++) {
        pass(100)
        deadlines.set(timed, 200)
      }
      const last = clock()
      assert.equal(timed.expiredAt, -1)
      pass(1000)
      assert.equal(timed.expiredAt, last + 250)
    })
  }

  test('passes once, and not after it was cleared or removed', (t) => {
    const { deadlines, clock, pass } = wheel(t)
    const [once, cleared, removed] = [new Expiring(clock), new Expiring(clock), new Expiring(clock)]
    for (const timed of [once, cleared, removed]) deadlines.set(timed, 100)
    deadlines.set(cleared, 0)
    deadlines.remove(removed)
    assert.equal(removed.slot, -1, 'the wheel no longer refers to it')
    pass(200)
    assert.deepEqual([once.expiredAt > 0, cleared.expiredAt, removed.expiredAt], [true, -1, -1])
    once.expiredAt = -1
    pass(2 * TURN)
    assert.equal(once.expiredAt, -1)
  })
})

describe('what expires', () => {
  test('may remove others of its slot, on either side, and set others', (t) => {
    const { deadlines, clock, pass } = wheel(t)
    const start = clock()
    const all: Expiring[] = []
    // The last one that was linked comes first: it removes its neighbour, the one in the middle, and the last.
    const first = new Expiring(clock, () => {
      for (const index of [3, 2, 0]) deadlines.remove(all[index]!)
      deadlines.set(again, 100)
    })
    const again = new Expiring(clock)
    for (let i = 0; i < 5; i++) all.push(new Expiring(clock))
    all[4] = first
    for (const timed of all) deadlines.set(timed, 100)
    pass(150)
    assert.deepEqual(
      all.map(({ expiredAt }) => expiredAt > 0),
      [false, true, false, false, true],
    )
    pass(1000)
    assert.equal(again.expiredAt - start, 300)
    assert.equal(all[3]!.expiredAt, -1)
  })

  test('may be set again, by itself or by another of its slot', (t) => {
    const { deadlines, clock, pass } = wheel(t)
    const start = clock()
    const times: number[] = []
    const periodic: Expiring = new Expiring(clock, () => {
      times.push(clock() - start)
      deadlines.set(periodic, 100)
    })
    const moved = new Expiring(clock)
    deadlines.set(moved, 100)
    deadlines.set(new Expiring(clock, () => deadlines.set(moved, 300)), 100)
    deadlines.set(periodic, 100)
    pass(600)
    assert.deepEqual(times, [150, 300, 450, 600])
    assert.equal(moved.expiredAt - start, 500)
  })
})

describe('a process that stood still', () => {
  test('moves each deadline by as much, once', (t) => {
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

  test('for longer than a turn of the wheel loses no deadline, and lets none pass early', (t) => {
    for (const ms of [TURN - 50, TURN, TURN + 50, 10.3 * TURN, 86_400_000]) {
      const { deadlines, clock, pass, standStill } = wheel(t)
      const start = clock()
      const afters = [100, 1000, 30_000, TURN, 2 * TURN]
      const all = afters.map(() => new Expiring(clock))
      for (const [index, timed] of all.entries()) deadlines.set(timed, afters[index]!)
      standStill(ms)
      assert.ok(all.every(({ expiredAt }) => expiredAt === -1))
      pass(2 * TURN + 200)
      // The tick itself was due: it is not part of the standstill.
      const moved = ms - TICK
      for (const [index, { expiredAt }] of all.entries()) {
        const late = expiredAt - start - moved - afters[index]!
        assert.ok(late >= 0 && late <= TICK, `${afters[index]} ms: ${late} ms late`)
      }
      t.mock.timers.reset()
    }
  })

  test('is one whose tick is late by more than STANDSTILL; a tick that is less late expires what is due', (t) => {
    for (const late of [150, STANDSTILL, STANDSTILL + 1]) {
      const { deadlines, clock, standStill } = wheel(t)
      const all = [60, 100, 140].map(() => new Expiring(clock))
      for (const timed of all) deadlines.set(timed, 100)
      standStill(TICK + late)
      const expected = late > STANDSTILL ? -1 : clock()
      for (const timed of all) assert.equal(timed.expiredAt, expected, `late by ${late} ms`)
      t.mock.timers.reset()
    }
  })
})

test('whatever is set, moved and removed, a deadline passes within a tick after its time, and none without it', () => {
  const COUNT = 6
  const ms = fc.oneof(
    fc.integer({ min: 1, max: 600 }),
    fc.integer({ min: TURN - 200, max: TURN + 200 }),
    fc.integer({ min: 1, max: 3 * TURN }),
  )
  const step = fc.oneof(
    fc.record({ act: fc.constant('set'), index: fc.nat(COUNT - 1), ms }),
    fc.record({ act: fc.constantFrom('clear', 'remove'), index: fc.nat(COUNT - 1), ms: fc.constant(0) }),
    fc.record({ act: fc.constant('pass'), index: fc.constant(0), ms: fc.integer({ min: 50, max: 5000 }) }),
    fc.record({ act: fc.constant('pass'), index: fc.constant(0), ms }),
    fc.record({ act: fc.constant('late'), index: fc.constant(0), ms: fc.integer({ min: 0, max: STANDSTILL }) }),
    fc.record({ act: fc.constant('stand still'), index: fc.constant(0), ms: fc.integer({ min: 600, max: 3 * TURN }) }),
  )
  const start = fc.integer({ min: 10 * TURN - 300, max: 10 * TURN + 300 })
  fc.assert(
    fc.property(start, fc.array(step, { maxLength: 40 }), (start, steps) => {
      const { deadlines, clock, standStill } = wheel({ mock }, start)
      try {
        const all = Array.from({ length: COUNT }, () => new Expiring(clock))
        const due: number[] = new Array(COUNT).fill(Infinity)
        let now = start
        const tick = (elapsed: number) => {
          standStill(elapsed)
          now += elapsed > TICK + STANDSTILL ? TICK : elapsed
          for (const [index, { expiredAt }] of all.entries()) {
            const deadline = due[index]!
            const hasExpired = expiredAt === clock()
            if (deadline > now) assert.ok(!hasExpired, 'not early')
            // It may pass with its slot, which ends at the latest a tick after it.
            if (Math.floor(deadline / TICK) < Math.floor(now / TICK)) assert.ok(hasExpired, 'not late')
            if (hasExpired) due[index] = Infinity
          }
        }
        for (const { act, index, ms } of steps) {
          if (act === 'pass') for (let passed = 0; passed < ms; passed += TICK) tick(TICK)
          else if (act === 'late') tick(TICK + ms)
          else if (act === 'stand still') tick(ms)
          else {
            due[index] = act === 'set' ? now + ms : Infinity
            if (act === 'remove') deadlines.remove(all[index]!)
            else deadlines.set(all[index]!, ms)
          }
        }
        for (const deadline of due) {
          while (deadline !== Infinity && now <= deadline + TICK) tick(TICK)
        }
        deadlines.stop()
      } finally {
        mock.timers.reset()
      }
    }),
    { numRuns: 60 },
  )
})
