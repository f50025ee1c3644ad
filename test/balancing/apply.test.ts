/** What a policy keeps, and what it decides, when the list of servers or their settings change under it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import type { Balance, Server } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { addressOf, ChangingGroup, emptied, type Group, keyOf, serversWith } from './group.ts'

const ROUND_ROBIN: Balance = { type: 'round-robin' }
const key = { from: 'address' } as const
const CONSISTENT: Balance = { type: 'consistent-hash', key }
const BOUNDED: Balance = { type: 'consistent-hash', key, boundedLoad: 1.25 }

const POOL = 8
/** Some of the servers of a pool, in any order. Each has its slot for good. */
const someList = fc
  .record({
    slots: fc.shuffledSubarray([...Array(POOL).keys()], { minLength: 1 }),
    settings: fc.array(
      fc.record({
        weight: fc.integer({ min: 1, max: 9 }),
        down: fc.boolean(),
        drain: fc.boolean(),
        backup: fc.boolean(),
      }),
      { minLength: POOL, maxLength: POOL },
    ),
  })
  .map(({ slots, settings }) => slots.map((slot) => serversWith(settings)[slot]!))
const someLists = fc.array(someList, { minLength: 1, maxLength: 5 })
const someKeys = fc.array(fc.uint8Array({ minLength: 4, maxLength: 4 }), { minLength: 20, maxLength: 40 })

/** Of one run of a property at a time: of the group with a history, and of the one without. */
const [board, freshBoard] = [new Scoreboard(), new Scoreboard()]

/** A group of its own that has had as many turns. */
function freshAs({ scoreboard }: Group, balance: Balance, servers: readonly Server[]): Group {
  const own = emptied(freshBoard)
  const turn = scoreboard.upstreams.nextTurn(0)
  while (own.upstreams.nextTurn(0) !== turn);
  return new ChangingGroup(balance, servers, own)
}

function decisionsOf({ policy }: Group, keys: readonly Uint8Array[]): (string | undefined)[] {
  return keys.flatMap((key) => {
    const server = policy.pick(key, [], 0)
    server?.release()
    return [server?.settings.name, policy.home?.(key)?.settings.name]
  })
}

/** The same as another Snapshot may bring it, without an object in common. */
const copied = (servers: readonly Server[]) => structuredClone(servers) as Server[]

describe('after each of several lists of servers', () => {
  for (const balance of [ROUND_ROBIN, { type: 'ip-hash' }, { type: 'hash', key }, CONSISTENT, BOUNDED] as const) {
    test(`${'boundedLoad' in balance ? 'consistent-hash, bounded' : balance.type} decides as if it had known no other`, () => {
      fc.assert(
        fc.property(someLists, someKeys, (lists, keys) => {
          const group = new ChangingGroup(balance, lists[0]!, emptied(board))
          for (const list of lists) {
            group.apply(balance, list)
            group.finish()
            const fresh = freshAs(group, balance, list)
            assert.deepEqual(decisionsOf(group, keys), decisionsOf(fresh, keys))
          }
        }),
      )
    })
  }
})

describe('a change that is none to the policy', () => {
  test('of limits and timeouts leaves the order of round robin where it was, also where it is too long to work out', () => {
    const weights = [9973, 8887, 2]
    const servers = serversWith(weights.map((weight) => ({ weight })))
    const group = new ChangingGroup(ROUND_ROBIN, servers)
    const counts = [0, 0, 0]
    for (let turn = 0; turn < 9973 + 8887 + 2; turn++) {
      if (turn % 1000 === 999)
        group.apply(
          ROUND_ROBIN,
          copied(servers).map((server) => ({ ...server, maxConnections: 1_000_000 + turn, failTimeout: turn })),
        )
      counts[group.policy.pick(addressOf(0), [], 0)!.settings.slot]! += 1
    }
    assert.deepEqual(counts, weights)
  })

  for (const balance of [{ type: 'least-connections' }, { type: 'least-time', decay: 1000 }] as const) {
    test(`leaves the turns of ${balance.type} where they were`, () => {
      const servers = serversWith([{}, {}, {}])
      const group = new ChangingGroup(balance, servers)
      const picked = Array.from({ length: 9 }, () => {
        const server = group.policy.pick(addressOf(0), [], 0)!
        server.release()
        group.apply(balance, copied(servers))
        return server.settings.slot
      })
      assert.deepEqual(picked, [0, 1, 2, 0, 1, 2, 0, 1, 2])
    })
  }

  test('leaves a ring as it is, whatever changes but names, weights and who is a backup', () => {
    for (const balance of [CONSISTENT, BOUNDED]) {
      const servers = serversWith([{}, { weight: 3 }, { backup: true }])
      const group = new ChangingGroup(balance, servers)
      const { policy } = group
      group.apply(
        balance,
        copied(servers).map((server) => ({ ...server, drain: true, address: '10.1.1.1:1', maxConnections: 9 })),
      )
      assert.equal(group.policy, policy)
      group.apply(balance, serversWith([{}, { weight: 4 }, { backup: true }]))
      group.finish()
      assert.notEqual(group.policy, policy)
    }
  })
})

test('other settings of the same policy are taken in by the same policy', () => {
  const servers = serversWith([{}, {}])
  for (const [before, after] of [
    [
      { type: 'least-time', decay: 10_000 },
      { type: 'least-time', decay: 10 },
    ],
    [BOUNDED, { ...BOUNDED, boundedLoad: 2 }],
  ] as const) {
    const group = new ChangingGroup(before, servers)
    const { policy } = group
    group.apply(after, servers)
    assert.equal(group.policy, policy)
  }
  const group = new ChangingGroup({ ...BOUNDED, boundedLoad: 100 }, servers)
  const pickHot = () => group.policy.pick(keyOf('hot'), [], 0)!.settings.slot
  assert.deepEqual(new Set([pickHot(), pickHot(), pickHot(), pickHot()]).size, 1)
  group.apply({ ...BOUNDED, boundedLoad: 1.25 }, servers)
  assert.notEqual(pickHot(), group.policy.home!(keyOf('hot'))!.settings.slot)
})

test('a server is the same object for as long as its name is in the list', () => {
  fc.assert(
    fc.property(someLists, (lists) => {
      const group = new ChangingGroup(ROUND_ROBIN, [])
      let before = new Map<string, unknown>()
      for (const list of lists) {
        const gone = group.servers
        group.apply(ROUND_ROBIN, list)
        const now = new Map(group.servers.map((server) => [server.settings.name, server]))
        assert.deepEqual(
          group.servers.map((server) => server.settings),
          list,
        )
        for (const [name, server] of now) if (before.has(name)) assert.equal(server, before.get(name))
        for (const server of gone) {
          const isGone = !now.has(server.settings.name)
          assert.equal(server.isRemoved, isGone)
          if (isGone) assert.deepEqual([server.refusal(0), server.refusal(0, true)], ['removed', 'removed'])
        }
        before = now
      }
    }),
  )
  const group = new ChangingGroup(ROUND_ROBIN, serversWith([{ name: 'a' }]))
  const [a] = group.servers
  group.apply(ROUND_ROBIN, serversWith([{ name: 'b' }]))
  assert.ok(a!.isRemoved)
  assert.notEqual(group.servers[0], a, 'another name in the same slot is another server')
})

describe('a suspended server', () => {
  const servers = serversWith([{ name: 'a' }, { name: 'b' }])
  const suspended = () => {
    const group = new ChangingGroup(ROUND_ROBIN, servers)
    assert.ok(group.servers[0]!.failed(0))
    return group
  }

  test('stays so while other settings of it change, and is back once its failTimeout is over', () => {
    const group = suspended()
    group.apply(ROUND_ROBIN, serversWith([{ name: 'a', weight: 5, failTimeout: 500 }, { name: 'b' }]))
    assert.deepEqual([group.servers[0]!.refusal(500), group.servers[0]!.refusal(501)], ['suspended', undefined])
  })

  test('serves again once it is the only one, or once failures count no longer', () => {
    for (const list of [[servers[0]!], serversWith([{ name: 'a', maxFails: 0 }, { name: 'b' }])]) {
      const group = suspended()
      group.apply(ROUND_ROBIN, list)
      assert.equal(group.servers[0]!.refusal(1), undefined)
      assert.ok(!group.servers[0]!.isSuspended)
    }
  })
})

describe('a ring of thousands of servers', () => {
  const all = serversWith(Array.from({ length: 3000 }, () => ({})))
  const [before, after] = [all.slice(0, 2000), all.slice(1000)]
  const keys = Array.from({ length: 500 }, (_, index) => keyOf(`user-${index}`))

  for (const balance of [CONSISTENT, BOUNDED]) {
    const name = 'boundedLoad' in balance ? 'consistent-hash, bounded' : balance.type

    test(`is built in turns of the event loop: until it is there, the one before serves without what is gone (${name})`, async () => {
      const group = new ChangingGroup(balance, before)
      const { policy } = group
      const remaining = decisionsOf(new ChangingGroup(balance, all.slice(1000, 2000)), keys)
      group.apply(balance, after)
      let turns = 0
      while (group.isBuilding) {
        assert.equal(group.policy, policy)
        if (turns % 5 === 0) assert.deepEqual(decisionsOf(group, keys), remaining)
        turns++
        await setImmediate()
      }
      assert.ok(turns > 20, `${turns} turns`)
      assert.deepEqual(decisionsOf(group, keys), decisionsOf(new ChangingGroup(balance, after), keys))
    })
  }

  test('is built at once where the one before has nobody left', () => {
    const [first, rest] = [all.slice(0, 1000), all.slice(1000)]
    const out = { down: true, drain: true }
    for (const [list, next] of [
      [first, rest],
      [first, [...first.map((server) => ({ ...server, ...out })), ...rest]],
    ] as const) {
      const group = new ChangingGroup(CONSISTENT, list)
      group.apply(CONSISTENT, next)
      assert.ok(!group.isBuilding)
      assert.deepEqual(decisionsOf(group, keys), decisionsOf(new ChangingGroup(CONSISTENT, next), keys))
    }
    const group = new ChangingGroup(ROUND_ROBIN, first)
    group.apply(CONSISTENT, first)
    assert.ok(group.isBuilding)
    group.apply(CONSISTENT, rest)
    assert.notEqual(group.policy.pick(keys[0]!, [], 0), undefined)
    group.apply(CONSISTENT, first)
    group.apply(CONSISTENT, [])
    assert.equal(group.policy.pick(keys[0]!, [], 0), undefined)
  })

  test('gets done though the list changes in each turn, and goes on for the list of then', async () => {
    const group = new ChangingGroup(CONSISTENT, before)
    const { policy } = group
    for (let turn = 0; turn < 1000 && group.policy === policy; turn++) {
      group.apply(CONSISTENT, after.slice(turn % 2))
      await setImmediate()
    }
    assert.notEqual(group.policy, policy)
    group.apply(CONSISTENT, after)
    while (group.isBuilding) await setImmediate()
    assert.deepEqual(decisionsOf(group, keys), decisionsOf(new ChangingGroup(CONSISTENT, after), keys))
  })

  test('is given up for a policy of another kind', async () => {
    const group = new ChangingGroup({ type: 'ip-hash' }, before)
    group.apply(CONSISTENT, after)
    assert.ok(group.isBuilding)
    group.apply(ROUND_ROBIN, after)
    assert.ok(!group.isBuilding)
    const { policy } = group
    await setImmediate()
    await setImmediate()
    assert.equal(group.policy, policy)
    assert.deepEqual(
      Array.from({ length: 3 }, () => policy.pick(addressOf(0), [], 0)!.settings.slot),
      [1000, 1001, 1002],
    )
  })
})
