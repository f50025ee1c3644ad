import assert from 'node:assert/strict'
import { test } from 'node:test'
import { departuresOf, type Load, targetsOf } from '../../../src/control/rebalance/shares.ts'
import fc from '../../support/property.ts'

const loadsOf = (servers: { live: number; weight: number }[]): Load[] =>
  servers.map((server, index) => ({ slot: 10 + index, ...server }))

const anyLoads = (live: number, servers: number) =>
  fc
    .array(fc.record({ live: fc.nat(live), weight: fc.integer({ min: 0, max: 5 }) }), {
      minLength: 1,
      maxLength: servers,
    })
    .map(loadsOf)

const sum = (numbers: readonly number[]) => numbers.reduce((all, number) => all + number, 0)
const movesTo = (loads: readonly Load[], targets: readonly number[]) =>
  sum(loads.map(({ live }, index) => Math.max(0, live - targets[index]!)))

/** All ways to round the shares down or up to whole numbers with the same sum. */
function* roundings(shares: readonly number[], total: number): Generator<number[]> {
  for (let choice = 0; choice < 2 ** shares.length; choice++) {
    const targets = shares.map((share, index) => (choice & (1 << index) ? Math.ceil(share) : Math.floor(share)))
    if (sum(targets) === total) yield targets
  }
}

test('every server should have the share of its weight, rounded so that as few sessions as possible move', () => {
  fc.assert(
    fc.property(anyLoads(30, 6), (loads) => {
      const targets = targetsOf(loads)
      const [live, weight] = [sum(loads.map((load) => load.live)), sum(loads.map((load) => load.weight))]
      assert.equal(sum(targets), live)
      if (weight === 0) return
      const shares = loads.map((load) => (live * load.weight) / weight)
      for (const [index, share] of shares.entries()) assert.ok(Math.abs(targets[index]! - share) < 1)
      const least = Math.min(...[...roundings(shares, live)].map((each) => movesTo(loads, each)))
      assert.equal(movesTo(loads, targets), least)
    }),
    { numRuns: 300 },
  )
})

test('no more sessions leave than are asked for, and none beyond a target on either side', () => {
  fc.assert(
    fc.property(anyLoads(1000, 12), fc.nat(300), (loads, most) => {
      const targets = targetsOf(loads)
      const departures = departuresOf(loads, most)
      const arriving = sum(departures.map(({ count }) => count))
      assert.ok(arriving <= most)
      assert.equal(new Set(departures.map(({ from }) => from)).size, departures.length)
      for (const { from, to, count } of departures) {
        const [giver, taker] = [from - 10, to - 10]
        assert.ok(count > 0)
        assert.ok(loads[giver]!.live - count >= targets[giver]!)
        assert.ok(loads[taker]!.live + arriving <= targets[taker]!)
      }
      // Only a balance, or nothing to give, stops it.
      if (arriving === 0) assert.ok(most === 0 || movesTo(loads, targets) === 0)
      else assert.equal(arriving, Math.min(most, Math.max(...targets.map((target, at) => target - loads[at]!.live))))
    }),
    { numRuns: 300 },
  )
})

test('a server without weight gives up all its sessions, and gets none', () => {
  const loads = loadsOf([
    { live: 5, weight: 0 },
    { live: 3, weight: 1 },
    { live: 4, weight: 1 },
  ])
  assert.deepEqual(targetsOf(loads), [0, 6, 6])
  assert.deepEqual(departuresOf(loads, 100), [{ from: 10, to: 11, count: 3 }])
})
