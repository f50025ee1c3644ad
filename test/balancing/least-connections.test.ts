import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Balance } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { groupOf, groupsOf, keyOf, serversWith } from './group.ts'
import '../support/seeded-random.ts'

const balance: Balance = { type: 'least-connections' }
const NO_KEY = keyOf('')
const weightsOf = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 })

describe('least-connections', () => {
  test('gives every request to a server with the fewest in flight for its weight, whatever the worker', () => {
    const turns = fc.array(fc.record({ worker: fc.nat(2), over: fc.option(fc.nat()) }), { maxLength: 100 })
    fc.assert(
      fc.property(weightsOf, turns, (weights, turns) => {
        const groups = groupsOf(balance, serversWith(weights.map((weight) => ({ weight }))), 3)
        const held = []
        for (const { worker, over } of turns) {
          const { policy, servers, scoreboard } = groups[worker]!
          const loads = servers.map(({ settings }) => scoreboard.servers.inFlight(settings.slot) / settings.weight)
          const picked = policy.pick(NO_KEY, [], 0)!
          assert.equal(loads[picked.settings.slot], Math.min(...loads))
          held.push(picked)
          if (over !== null) held.splice(over % held.length, 1)[0]!.release()
        }
      }),
    )
  })

  test('gives idle servers their turns by weight', () => {
    fc.assert(
      fc.property(weightsOf, (weights) => {
        const { policy } = groupOf(balance, serversWith(weights.map((weight) => ({ weight }))))
        const counts = weights.map(() => 0)
        // Within a weight turns are exact, between weights too: over the sum of weights, everybody has had theirs.
        for (let turn = weights.reduce((sum, weight) => sum + weight, 0) * 2; turn > 0; turn--) {
          const picked = policy.pick(NO_KEY, [], 0)!
          picked.release()
          counts[picked.settings.slot]! += 1
        }
        assert.deepEqual(
          counts,
          weights.map((weight) => 2 * weight),
        )
      }),
    )
  })

  test('shares turns evenly among those that are idle, while another holds a long request', () => {
    const { policy } = groupOf(balance, serversWith([{}, {}, {}]))
    const long = policy.pick(NO_KEY, [], 0)!
    const counts = [0, 0, 0]
    for (let turn = 0; turn < 100; turn++) {
      const picked = policy.pick(NO_KEY, [], 0)!
      picked.release()
      counts[picked.settings.slot]! += 1
    }
    counts.splice(long.settings.slot, 1)
    assert.deepEqual(counts, [50, 50])
  })
})
