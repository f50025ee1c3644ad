import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from '../support/property.ts'
import { addressOf, groupOf, groupsOf, serversWith } from './group.ts'

describe('round-robin', () => {
  test('gives each server its exact share, with any number of workers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        (weights, workers) => {
          const groups = groupsOf({ type: 'round-robin' }, serversWith(weights.map((weight) => ({ weight }))), workers)
          const period = weights.reduce((sum, weight) => sum + weight, 0)
          const counts = weights.map(() => 0)
          for (let turn = 0; turn < 2 * period; turn++) {
            const picked = groups[turn % workers]!.policy.pick(addressOf(0), [], 0)!
            counts[picked.settings.slot]! += 1
          }
          assert.deepEqual(
            counts,
            weights.map((weight) => 2 * weight),
          )
        },
      ),
    )
  })

  test('shares out the turns of a failed server evenly', () => {
    const { policy, servers } = groupOf({ type: 'round-robin' }, serversWith([{}, {}, {}, {}]))
    servers[1]!.failed(0)
    const counts = [0, 0, 0, 0]
    for (let turn = 0; turn < 300; turn++) counts[policy.pick(addressOf(0), [], 1)!.settings.slot]! += 1
    assert.deepEqual(counts, [100, 0, 100, 100])
  })

  test('keeps to the weights where they make the order too long to work out ahead', () => {
    const weights = [9973, 8887, 2]
    const { policy } = groupOf({ type: 'round-robin' }, serversWith(weights.map((weight) => ({ weight }))))
    const counts = [0, 0, 0]
    for (let turn = 0; turn < 9973 + 8887 + 2; turn++) counts[policy.pick(addressOf(0), [], 0)!.settings.slot]! += 1
    assert.deepEqual(counts, weights)
  })

  test('shares out the turns of a full server by weight', () => {
    const { policy } = groupOf({ type: 'round-robin' }, serversWith([{ maxConnections: 1 }, {}, {}, { weight: 2 }]))
    const counts = [0, 0, 0, 0]
    for (let turn = 0; turn < 40_001; turn++) counts[policy.pick(addressOf(0), [], 0)!.settings.slot]! += 1
    assert.equal(counts[0], 1)
    for (const [index, expected] of [10_000, 10_000, 20_000].entries()) {
      assert.ok(Math.abs(counts[index + 1]! - expected) < 500, `${counts}`)
    }
  })
})
