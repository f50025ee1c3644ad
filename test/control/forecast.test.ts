/** When a drain is predicted to end. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import '../support/seeded-random.ts'
import { Forecast } from '../../src/control/drains/forecast.ts'
import { LastSeen } from '../../src/control/drains/last-seen.ts'
import { accuracyOf, DrainedServer, VISITS } from './drained-server.ts'

const NOW = 1_800_000_000
const HALF_AN_HOUR = 1800

/** A forecast after looks at each second, with the times at which sessions were last seen. */
function forecastOf(seconds: number, idle: number, seenAt: (now: number) => readonly number[]): Forecast {
  const forecast = new Forecast()
  for (let second = 0; second <= seconds; second++) {
    const seen = new LastSeen(NOW + second, idle)
    for (const each of seenAt(second)) if (second - each <= idle || idle === 0) seen.add(NOW + each, false)
    forecast.look(seen)
  }
  return forecast
}

describe('the predicted end of a drain', () => {
  test('is within 20 % half-way in most drains, whatever the lengths of visits', () => {
    const drains = VISITS.flatMap((visits) =>
      Array.from({ length: 10 }, () => {
        const meanVisit = 300 + Math.random() * 600
        const present = 100 + Math.random() * 300
        return new DrainedServer({ visits, meanVisit, present, gap: 20 + Math.random() * 160, idle: HALF_AN_HOUR })
      }),
    )
    const { within20 } = accuracyOf(drains)
    assert.ok(within20 >= 0.7, `${within20}`)
  })

  test('is the idle limit of the session seen last, once nobody comes any more', () => {
    const forecast = forecastOf(300, 600, () => [-100, -50, -20])
    assert.deepEqual(forecast.end, { at: NOW + 580, earliest: NOW + 580, latest: NOW + 580 })
  })

  test('is not known while all keep coming, and is never before their idle limit', () => {
    const steady = forecastOf(2000, 600, (now) => [now, now - 10, now - 20])
    assert.equal(steady.end, undefined)
    const users = Array.from({ length: 300 }, (_, index) => index * 3)
    const leaving = forecastOf(600, 600, (now) => users.map((leavesAt) => Math.min(now, leavesAt)))
    assert.ok(leaving.end!.earliest >= NOW + 1200)
  })

  test('is not known where more and more come', () => {
    const rising = forecastOf(900, 300, (now) => Array.from({ length: 10 + Math.floor(now / 10) }, () => now))
    assert.equal(rising.end, undefined)
  })

  test('is not known in the first moments', () => {
    assert.equal(new Forecast().end, undefined)
    assert.equal(forecastOf(5, HALF_AN_HOUR, () => [0, -500]).end, undefined)
  })

  test('is now if nobody is there', () => {
    assert.deepEqual(forecastOf(0, 600, () => []).end, { at: NOW, earliest: NOW, latest: NOW })
  })

  test('follows from logouts where sessions have no idle limit, and where users who log out leave nothing behind', () => {
    const users = Array.from({ length: 400 }, (_, index) => -1500 * Math.log((index + 0.5) / 400))
    const end = Math.max(...users)
    for (const idle of [0, HALF_AN_HOUR]) {
      const halfWay = Math.round(end / 2)
      const forecast = forecastOf(halfWay, idle, (now) => users.filter((leavesAt) => leavesAt > now).map(() => now))
      assert.ok(Math.abs(forecast.end!.at - NOW - end) <= Math.max(0.2 * end, halfWay + idle - end), `${idle}`)
    }
  })

  test('forgets the trend when the idle limit is changed', () => {
    const forecast = forecastOf(300, 600, () => [-100, -50, -20])
    const seen = new LastSeen(NOW + 301, 1200)
    seen.add(NOW, false)
    forecast.look(seen)
    assert.equal(forecast.end, undefined)
  })
})
