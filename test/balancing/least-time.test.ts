import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ServerState } from '../../src/balancing/server-state.ts'
import type { Balance } from '../../src/runtime/snapshot.ts'
import { type Group, groupOf, groupsOf, keyOf, serversWith } from './group.ts'
import '../support/seeded-random.ts'

const balance: Balance = { type: 'least-time', decay: 10_000 }
const NO_KEY = keyOf('')

/** Whoever one request at a time goes to, `turns` times from `now` on, one a ms; each answers as `timeOf` says. */
function served(group: Group, turns: number, now: number, timeOf: (server: ServerState) => number): number[] {
  return Array.from({ length: turns }, (_, turn) => {
    const server = group.policy.pick(NO_KEY, [], now + turn)!
    server.release()
    group.policy.answered!(server, timeOf(server), true, now + turn)
    return server.settings.slot
  })
}

/** Tells the policy of one answer. */
function answer({ policy, servers }: Group, slot: number, ms: number, now: number, good = true): void {
  policy.answered!(servers[slot]!, ms, good, now)
}

/** Who is next, if all answers stand as they are. */
function next({ policy }: Group, now: number): number {
  const server = policy.pick(NO_KEY, [], now)!
  server.release()
  return server.settings.slot
}

describe('least-time', () => {
  test('takes turns as long as nobody has answered', () => {
    const group = groupOf(balance, serversWith([{}, {}, {}]))
    assert.deepEqual([next(group, 1), next(group, 1), next(group, 1), next(group, 1)], [0, 1, 2, 0])
  })

  test('sends a request at a time to the fastest', () => {
    const group = groupOf(balance, serversWith([{}, {}, {}]))
    served(group, 3, 1, ({ settings }) => [50, 5, 20][settings.slot]!)
    assert.ok(served(group, 100, 10, () => 5).every((slot) => slot === 1))
  })

  test('weighs the time with the requests in flight and the weight', () => {
    const group = groupOf(balance, serversWith([{}, { weight: 2 }]))
    answer(group, 0, 10, 1)
    answer(group, 1, 30, 1)
    const held = Array.from({ length: 5 }, () => group.policy.pick(NO_KEY, [], 2)!.settings.slot)
    // 10, then 20 against 15, then 20 against 30, then 30 against 30, which goes round.
    assert.deepEqual(held.slice(0, 3), [0, 1, 0])
    assert.deepEqual(held.slice(3).sort(), [0, 1])
  })

  test('believes a slower answer at once, and a faster one bit by bit', () => {
    const { policy, servers, scoreboard } = groupOf(balance, serversWith([{}, {}]))
    const latency = () => scoreboard.servers.latency(0)
    policy.answered!(servers[0]!, 10, true, 1000)
    policy.answered!(servers[0]!, 100, true, 1001)
    assert.equal(latency(), 100)
    policy.answered!(servers[0]!, 10, true, 2001)
    // A second is a tenth of the decay.
    assert.ok(Math.abs(latency() - (100 * Math.exp(-0.1) + 10 * (1 - Math.exp(-0.1)))) < 0.001)
  })

  test('asks a slow server again after a while', () => {
    const group = groupOf(balance, serversWith([{}, {}]))
    answer(group, 0, 1000, 1)
    answer(group, 1, 10, 1)
    const asked = []
    for (let now = 100; now < 60_100; now += 100) {
      const slot = next(group, now)
      if (slot === 0) asked.push(now)
      answer(group, slot, slot === 0 ? 1000 : 10, now)
    }
    // It takes 10 s × ln 100 = 46 s to look as fast as the other.
    assert.equal(asked.length, 1)
    assert.ok(asked[0]! > 44_000 && asked[0]! < 48_000, `${asked}`)
  })

  test('takes a new server for one of median speed', () => {
    const group = groupOf(balance, serversWith([{}, {}, {}, {}]))
    for (const [slot, ms] of [10, 20, 30].entries()) answer(group, slot, ms, 1)
    const { policy } = group
    const order = Array.from({ length: 4 }, () => policy.pick(NO_KEY, [], 2)!.settings.slot)
    // 10, then 20 three times: two that were at it, and the first with one in flight.
    assert.equal(order[0], 0)
    assert.deepEqual(order.slice(1).sort(), [0, 1, 3])
  })

  test('forgets the time of a server that was out', () => {
    const group = groupOf(balance, serversWith([{}, {}, {}]))
    for (const [slot, ms] of [5000, 20, 30].entries()) answer(group, slot, ms, 1)
    next(group, 1)
    group.servers[0]!.failed(1)
    next(group, 2)
    assert.equal(group.scoreboard.servers.latency(0), 5000)
    next(group, 10_002)
    assert.equal(group.scoreboard.servers.latency(0), 0)
  })

  test('is not drawn to a server that fails fast', () => {
    const group = groupOf(balance, serversWith([{ maxFails: 0 }, { maxFails: 0 }]))
    answer(group, 0, 50, 1)
    answer(group, 1, 10, 1)
    for (let now = 2; now < 100_000; now += 500) {
      answer(group, 0, 0.1, now, false)
      answer(group, 1, 10, now)
      assert.equal(next(group, now), 1)
    }
  })

  test('learns what another worker saw', () => {
    const [one, other] = groupsOf(balance, serversWith([{}, {}]), 2) as [Group, Group]
    next(one, 1)
    next(other, 1)
    answer(one, 0, 100, 1)
    answer(one, 1, 10, 1)
    assert.ok([150, 151, 152].every((now) => next(other, now) === 1))
  })
})
