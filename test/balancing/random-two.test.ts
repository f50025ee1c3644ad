import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Balance } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { groupOf, keyOf, serversWith } from './group.ts'
import '../support/seeded-random.ts'

const balance: Balance = { type: 'random-two' }
const NO_KEY = keyOf('')

describe('random-two', () => {
  test('never takes the busiest of servers that differ', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.nat(), (size, which) => {
        const { policy, servers } = groupOf(balance, serversWith(Array.from({ length: size }, () => ({}))))
        const busiest = servers[which % size]!
        busiest.claim(0)
        for (let i = 0; i < 50; i++) {
          const picked = policy.pick(NO_KEY, [], 0)!
          picked.release()
          assert.notEqual(picked, busiest)
        }
      }),
    )
  })

  test('draws idle servers by weight', () => {
    // Two of three, without putting back; equals go to the first drawn, whose chance is its weight.
    const { policy } = groupOf(balance, serversWith([{ weight: 5 }, { weight: 3 }, { weight: 2 }]))
    const counts = [0, 0, 0]
    for (let i = 0; i < 20_000; i++) {
      const picked = policy.pick(NO_KEY, [], 0)!
      picked.release()
      counts[picked.settings.slot]! += 1
    }
    for (const [index, expected] of [10_000, 6000, 4000].entries()) {
      assert.ok(Math.abs(counts[index]! - expected) < 500, `${counts}`)
    }
  })

  test('fills servers in proportion to their weights', () => {
    const { policy, scoreboard } = groupOf(balance, serversWith([{ weight: 1 }, { weight: 2 }, { weight: 7 }, {}]))
    for (let i = 0; i < 11_000; i++) policy.pick(NO_KEY, [], 0)
    for (const [slot, weight] of [1, 2, 7, 1].entries()) {
      assert.ok(
        Math.abs(scoreboard.servers.inFlight(slot) / (1000 * weight) - 1) < 0.05,
        `${scoreboard.servers.inFlight(slot)}`,
      )
    }
  })
})
