import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { cohortsOf } from '../../src/control/compile-split.ts'
import { EvenPoints } from '../../src/filters/even-points.ts'
import { SplitHash } from '../../src/filters/split/split-hash.ts'
import { POINTS } from '../../src/runtime/cohort.ts'
import '../support/seeded-random.ts'

const USERS = 100_000
/** In hundredths of a percent. */
const GROWING = [500, 2500, 5000, 10_000]
const UPSTREAMS = new Map(['blue', 'green', 'red', 'pink'].map((name, index) => [name, index]))

/** Where users at these points go; `blue` is the route's own upstream. */
function placesOf(points: readonly number[], shares: Readonly<Record<string, number>>): string[] {
  const cohorts = cohortsOf(shares, UPSTREAMS)
  return points.map((point) => cohorts.find(({ from, to }) => from <= point && point < to)?.name ?? 'blue')
}

function shareOf(places: readonly string[], upstream: string): number {
  return places.filter((place) => place === upstream).length / places.length
}

/** The points of new users, as so many workers give them in turns. */
function pointsOfUsers(users: number, workers: number): number[] {
  const sequences = Array.from({ length: workers }, () => new EvenPoints())
  return Array.from({ length: users }, (_, user) => sequences[user % workers]!.next())
}

describe('100,000 users', () => {
  for (const workers of [1, 4]) {
    test(`of ${workers} workers are split exactly, and nobody goes back while the share grows`, () => {
      const points = pointsOfUsers(USERS, workers)
      let before = points.map(() => 'blue')
      for (const share of GROWING) {
        const places = placesOf(points, { green: share })
        const found = shareOf(places, 'green')
        assert.ok(Math.abs(found - share / POINTS) < 0.0005, `${found} at ${share / 100}%`)
        assert.ok(places.every((place, user) => place === 'green' || before[user] === 'blue'))
        before = places
      }
    })
  }

  test('are split exactly from the first hundred on', () => {
    const points = pointsOfUsers(USERS, 1)
    for (let from = 0; from < USERS; from += 100)
      assert.equal(shareOf(placesOf(points.slice(from, from + 100), { green: 2500 }), 'green'), 0.25)
  })

  test('are in both cohorts of two splits as often as by chance', () => {
    const one = placesOf(pointsOfUsers(USERS, 1), { green: 5000 })
    const other = placesOf(pointsOfUsers(USERS, 1), { red: 2000 })
    const both = one.filter((place, user) => place === 'green' && other[user] === 'red').length
    assert.ok(Math.abs(both / USERS - 0.1) < 0.005, `${both}`)
  })

  test('are split by a key within one percent, the same each time, and otherwise where another upstream is split', () => {
    const hashOf = (upstream: string) => new SplitHash(createHash('sha256').update(upstream).digest().subarray(0, 16))
    const keys = Array.from({ length: USERS }, (_, user) => Buffer.from(`user-${user}`))
    const pointsBy = (hash: SplitHash) => keys.map((key) => hash.pointOf(key))
    const points = pointsBy(hashOf('blue'))
    assert.deepEqual(points, pointsBy(hashOf('blue')))
    let before = points.map(() => 'blue')
    for (const share of GROWING) {
      const places = placesOf(points, { green: share })
      assert.ok(Math.abs(shareOf(places, 'green') - share / POINTS) < 0.01)
      assert.ok(places.every((place, user) => place === 'green' || before[user] === 'blue'))
      before = places
    }
    const one = placesOf(points, { green: 5000 })
    const other = placesOf(pointsBy(hashOf('red')), { green: 5000 })
    const both = one.filter((place, user) => place === 'green' && other[user] === 'green').length
    assert.ok(Math.abs(both / USERS - 0.25) < 0.01, `${both}`)
  })
})

test("of two upstreams, each grows among the users of the route's own", () => {
  const points = Array.from({ length: POINTS }, (_, point) => point)
  const before = placesOf(points, { green: 1000, red: 2000 })
  const grown = placesOf(points, { green: 6000, red: 2000 })
  const both = placesOf(points, { green: 6000, red: 4000 })
  assert.ok(grown.every((place, user) => place === before[user] || (before[user] === 'blue' && place === 'green')))
  assert.ok(both.every((place, user) => place === grown[user] || (grown[user] === 'blue' && place === 'red')))
  assert.equal(shareOf(both, 'blue'), 0)
})

test('of more upstreams, all have their shares', () => {
  const points = Array.from({ length: POINTS }, (_, point) => point)
  const places = placesOf(points, { green: 1, red: 3333, pink: 2500 })
  assert.deepEqual(
    ['green', 'red', 'pink', 'blue'].map((name) => shareOf(places, name)),
    [0.0001, 0.3333, 0.25, 0.4166],
  )
})
