/** The policies against the theory; docs/balancing-figures.md has the figures. Bounds are wide enough for any seed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Balance } from '../../src/runtime/snapshot.ts'
import { alike, gapOf, outcomeOf, randomSpread, spreadOf, theory } from './simulation.ts'
import '../support/seeded-random.ts'

const leastConnections: Balance = { type: 'least-connections' }
const randomTwo: Balance = { type: 'random-two' }
const leastTime: Balance = { type: 'least-time', decay: 10_000 }

describe('100,000 requests that nobody finishes', () => {
  for (const size of [10, 1000]) {
    test(`least-connections and least-time fill ${size} servers evenly`, () => {
      assert.equal(gapOf(spreadOf(leastConnections, size)), 0)
      assert.equal(gapOf(spreadOf(leastTime, size)), 0)
    })

    test(`random-two stays within ln ln n / ln 2 + 3 of the mean of ${size} servers, where one choice strays far`, () => {
      assert.ok(gapOf(spreadOf(randomTwo, size)) <= Math.log(Math.log(size)) / Math.log(2) + 3)
      assert.ok(gapOf(randomSpread(size)) > 15)
    })
  }

  test('consistent-hash with a bound keeps to it', () => {
    const held = spreadOf({ type: 'consistent-hash', key: { from: 'address' }, boundedLoad: 1.1 }, 10)
    assert.ok(Math.max(...held) <= 11_000)
  })
})

describe('1,000 alike servers, 90 % busy', () => {
  const traffic = alike(1000, 0.9)

  test('random-two keeps the mean time that the theory of two choices says', () => {
    const { mean } = outcomeOf(randomTwo, traffic)
    assert.ok(Math.abs(mean / theory.twoChoices(0.9) - 1) < 0.1, `${mean}`)
  })

  test('least-connections lets hardly a request wait', () => {
    assert.ok(outcomeOf(leastConnections, traffic).mean < 1.1)
  })
})

test('least-time keeps away from a server that has become slow, and least-connections less so', () => {
  const traffic = { serviceTimes: [2000, ...new Array<number>(9).fill(10)], rate: 1, queueing: false }
  const byTime = outcomeOf(leastTime, traffic)
  const byConnections = outcomeOf(leastConnections, traffic)
  assert.ok(byTime.shares[0]! < 0.0005, `${byTime.shares[0]}`)
  assert.ok(byConnections.shares[0]! > byTime.shares[0]!)
  assert.ok(byConnections.shares[0]! < 0.005, `${byConnections.shares[0]}`)
  assert.ok(outcomeOf({ type: 'round-robin' }, traffic).shares[0]! > 0.09)
})
