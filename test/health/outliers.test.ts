import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { EjectionTime } from '../../src/health/ejection-time.ts'
import { type Tally, worstOf } from '../../src/health/error-rate.ts'
import { OutlierDetector } from '../../src/health/outlier-detector.ts'
import { ServerHealth } from '../../src/health/server-health.ts'
import { isPanic } from '../../src/health/upstream-health.ts'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import type { Outlier } from '../../src/runtime/health-settings.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { serversWith } from '../balancing/group.ts'
import fc from '../support/property.ts'

const settings: Outlier = {
  consecutive5xx: 5,
  errorRate: 20,
  minRequests: 50,
  interval: 10_000,
  ejectFor: 30_000,
  maxEjectFor: 100_000,
  maxEjected: 50,
}

const tally = (bad: number, all: number): Tally => ({ bad, good: all - bad })

describe('the worst error rate', () => {
  test('is held against that of all others together', () => {
    assert.deepEqual(worstOf([tally(1, 100), tally(30, 100), tally(3, 100)], settings), {
      index: 1,
      rate: 30,
      rateOfOthers: 2,
    })
    assert.equal(worstOf([tally(1, 100), tally(21, 100)], settings), undefined)
    assert.equal(worstOf([tally(1, 100), tally(22, 100)], settings)?.index, 1)
  })

  test('means nothing of few answers, of its own or of the others', () => {
    assert.equal(worstOf([tally(0, 1000), tally(49, 49)], settings), undefined)
    assert.equal(worstOf([tally(0, 49), tally(50, 50)], settings), undefined)
    assert.equal(worstOf([tally(50, 50)], settings), undefined)
    assert.equal(worstOf([], settings), undefined)
  })

  test('is nobody where all answer alike, or where rates are not compared', () => {
    const anyTally = fc.tuple(fc.nat(1000), fc.nat(1000)).map(([bad, good]) => ({ bad, good }))
    fc.assert(
      fc.property(anyTally, fc.integer({ min: 1, max: 20 }), (one, count) => {
        assert.equal(
          worstOf(
            Array.from({ length: count }, () => one),
            settings,
          ),
          undefined,
        )
      }),
    )
    fc.assert(
      fc.property(fc.array(anyTally), (tallies) => {
        assert.equal(worstOf(tallies, { ...settings, errorRate: 0 }), undefined)
        const worst = worstOf(tallies, settings)
        if (worst !== undefined) assert.ok(worst.rate > worst.rateOfOthers + settings.errorRate)
      }),
    )
  })
})

test('a server is ejected for longer each time, up to a limit, and for less again after quiet intervals', () => {
  const time = new EjectionTime(settings)
  assert.deepEqual(
    Array.from({ length: 5 }, () => time.next()),
    [30_000, 60_000, 90_000, 100_000, 100_000],
  )
  for (let i = 0; i < 3; i++) time.calm()
  assert.equal(time.next(), 60_000)
  for (let i = 0; i < 10; i++) time.calm()
  assert.equal(time.next(), 30_000)
})

test('a panic is when fewer than the threshold are well', () => {
  assert.deepEqual(
    [isPanic(1, 3, 50), isPanic(2, 4, 50), isPanic(0, 4, 1), isPanic(0, 4, 0), isPanic(0, 0, 50)],
    [true, false, true, false, false],
  )
})

/** A detector of that many servers, on a fake clock. */
function detectorOf(test: TestContext, count: number, changes: Partial<Outlier> = {}) {
  test.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const scoreboard = new Scoreboard()
  const servers = serversWith(Array.from({ length: count }, (_, index) => ({ name: `s${index}` })))
  const healths = servers.map((server) => new ServerHealth(server, 0, scoreboard))
  const told: string[] = []
  const detector = new OutlierDetector({ ...settings, ...changes }, healths, {
    ejected: (server, ms) => told.push(`${server.name} for ${ms}`),
    readmitted: (server) => told.push(`${server.name} is back`),
  })
  detector.start()
  test.after(() => detector.stop())
  const answer = (slot: number, good: number, bad: number) => {
    for (let i = 0; i < good; i++) scoreboard.servers.countGood(slot)
    for (let i = 0; i < bad; i++) scoreboard.servers.countBad(slot)
  }
  return { scoreboard, detector, healths, told, answer, pass: (ms: number) => test.mock.timers.tick(ms) }
}

describe('an outlier', () => {
  test('is ejected at the end of the interval, and comes back after its time', (t) => {
    const { told, answer, pass, scoreboard } = detectorOf(t, 3)
    answer(0, 60, 40)
    answer(1, 100, 0)
    answer(2, 100, 0)
    pass(9999)
    assert.deepEqual(told, [])
    pass(1)
    assert.deepEqual(told, ['s0 for 30000'])
    assert.equal(scoreboard.servers.health(0), HealthBit.Ejected)
    pass(30_000)
    assert.deepEqual(told, ['s0 for 30000', 's0 is back'])
    assert.equal(scoreboard.servers.health(0), 0)
    assert.notEqual(scoreboard.servers.returnedAt(0), 0)
  })

  test('is judged by what it answered since its return, and not before', (t) => {
    const { told, answer, pass } = detectorOf(t, 3)
    for (const slot of [1, 2]) answer(slot, 100, 0)
    answer(0, 0, 100)
    pass(10_000)
    answer(0, 0, 100)
    pass(29_999)
    for (const slot of [1, 2]) answer(slot, 100, 0)
    pass(20_001)
    assert.deepEqual(told, ['s0 for 30000', 's0 is back'])
  })

  test('leaves enough of the others: the worst goes first', (t) => {
    const { told, answer, pass } = detectorOf(t, 4, { maxEjected: 25 })
    answer(0, 50, 50)
    answer(1, 20, 80)
    for (const slot of [2, 3]) answer(slot, 100, 0)
    pass(10_000)
    assert.deepEqual(told, ['s1 for 30000'])
  })

  test('may always be one of two, but not where nobody else is well, and never where the share is nothing', (t) => {
    const { told, detector, scoreboard } = detectorOf(t, 2, { maxEjected: 10 })
    scoreboard.servers.setHealth(1, HealthBit.Unhealthy)
    detector.erring('s0', 5)
    assert.deepEqual(told, [])
    scoreboard.servers.clearHealth(1, HealthBit.Unhealthy)
    detector.erring('s0', 10)
    detector.erring('s1', 5)
    assert.deepEqual(told, ['s0 for 30000'])
    detector.stop()
    t.mock.timers.reset()
    const none = detectorOf(t, 2, { maxEjected: 0 })
    none.detector.erring('s0', 5)
    assert.deepEqual(none.told, [])
  })

  test('that is down by its check as well stays down when its ejection is over', (t) => {
    const { detector, scoreboard, pass } = detectorOf(t, 3)
    detector.erring('s0', 5)
    scoreboard.servers.setHealth(0, HealthBit.Unhealthy)
    pass(30_000)
    assert.equal(scoreboard.servers.health(0), HealthBit.Unhealthy)
    assert.equal(scoreboard.servers.returnedAt(0), 0)
  })
})
