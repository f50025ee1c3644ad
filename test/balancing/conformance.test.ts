/** What every policy must keep to, whatever its kind. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { ServerState } from '../../src/balancing/server-state.ts'
import type { Balance } from '../../src/snapshot.ts'
import { type Group, groupOf, groupsOf, serversWith } from './group.ts'

const policies: readonly Balance[] = [{ type: 'round-robin' }, { type: 'ip-hash' }]

const someServers = fc
  .array(fc.record({ weight: fc.integer({ min: 1, max: 20 }), down: fc.boolean(), backup: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
  })
  .map(serversWith)
const someAddress = fc.uint8Array({ minLength: 4, maxLength: 4 })

for (const balance of policies) {
  describe(`every policy: ${balance.type}`, () => {
    test('picks only servers that may serve, and one whenever there is one', () => {
      fc.assert(
        fc.property(someServers, fc.array(someAddress, { minLength: 1, maxLength: 50 }), (servers, addresses) => {
          const { policy } = groupOf(balance, servers)
          const usable = servers.some((server) => !server.down)
          for (const address of addresses) {
            const picked = policy.pick(address, [], 0)
            assert.equal(picked !== undefined, usable)
            assert.notEqual(picked?.settings.down, true)
          }
        }),
      )
    })

    test('gives backups nothing as long as another server may serve', () => {
      fc.assert(
        fc.property(someServers, someAddress, (servers, address) => {
          const { policy } = groupOf(balance, servers)
          const primary = servers.some((server) => !server.down && !server.backup)
          const picked = policy.pick(address, [], 0)
          if (picked !== undefined) assert.equal(picked.settings.backup, !primary)
        }),
      )
    })

    test('tries every server once before it gives up', () => {
      fc.assert(
        fc.property(someServers, someAddress, (servers, address) => {
          const { policy } = groupOf(balance, servers)
          const tried: ServerState[] = []
          for (let picked = policy.pick(address, tried, 0); picked; picked = policy.pick(address, tried, 0)) {
            assert.ok(!tried.includes(picked))
            tried.push(picked)
          }
          assert.equal(tried.length, servers.filter((server) => !server.down).length)
        }),
      )
    })

    test('leaves a failed server alone for its time, then lets exactly one request probe it', () => {
      const [one, other] = groupsOf(balance, serversWith([{}, {}, {}]), 2) as [Group, Group]
      const failed = one.policy.pick(addressOf(1), [], 0)!
      assert.ok(failed.failed(0))
      const name = failed.settings.name
      for (let i = 0; i < 100; i++) {
        for (const { policy } of [one, other])
          assert.notEqual(policy.pick(addressOf(i), [], 10_000)?.settings.name, name)
      }
      const later: (ServerState | undefined)[] = []
      for (let i = 0; i < 100; i++) {
        for (const { policy } of [one, other]) later.push(policy.pick(addressOf(i), [], 10_001))
      }
      const probes = later.filter((picked) => picked?.settings.name === name)
      assert.equal(probes.length, 1)
      assert.ok(probes[0]!.succeeded())
      const back = Array.from({ length: 200 }, (_, i) => other.policy.pick(addressOf(i), [], 10_002)?.settings.name)
      assert.ok(back.includes(name))
    })

    test('serves by a backup while all others are out, and goes back when they are', () => {
      const { policy, servers } = groupOf(balance, serversWith([{}, {}, { backup: true }]))
      for (const server of servers.slice(0, 2)) server.failed(0)
      assert.equal(policy.pick(addressOf(1), [], 1)?.settings.backup, true)
      const probe = policy.pick(addressOf(1), [], 10_001)!
      assert.equal(probe.settings.backup, false)
      probe.succeeded()
      assert.equal(policy.pick(addressOf(1), [], 10_002)?.settings.backup, false)
    })

    test('never takes an only server out', () => {
      const { policy, servers } = groupOf(balance, serversWith([{}]))
      servers[0]!.failed(0)
      assert.equal(policy.pick(addressOf(1), [], 1), servers[0])
    })

    test('counts failures up to maxFails, and never with maxFails 0', () => {
      const { policy, servers } = groupOf(balance, serversWith([{ maxFails: 3 }, { maxFails: 0 }]))
      const [three, never] = servers as [ServerState, ServerState]
      assert.deepEqual([three.failed(0), three.failed(1), three.failed(2)], [false, false, true])
      for (let i = 0; i < 10; i++) assert.equal(never.failed(i), false)
      assert.equal(policy.pick(addressOf(1), [], 3), never)
    })
  })
}

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
})

describe('ip-hash', () => {
  test('sends a client back to its own server when that returns', () => {
    const { policy, servers } = groupOf({ type: 'ip-hash' }, serversWith([{}, {}, {}]))
    const address = Uint8Array.of(10, 1, 2, 3)
    const home = policy.pick(address, [], 0)!
    home.failed(0)
    const away = policy.pick(address, [], 1)!
    assert.notEqual(away, home)
    assert.equal(policy.pick(address, [], 5000), away)
    assert.equal(policy.pick(address, [], 10_001), home)
    assert.equal(policy.home!(address), home)
    assert.equal(servers.length, 3)
  })

  test('takes all of a /24 for one client', () => {
    const { policy } = groupOf({ type: 'ip-hash' }, serversWith(Array.from({ length: 7 }, () => ({}))))
    const picked = new Set(Array.from({ length: 256 }, (_, last) => policy.pick(Uint8Array.of(192, 0, 2, last), [], 0)))
    assert.equal(picked.size, 1)
  })
})

function addressOf(index: number): Uint8Array {
  return Uint8Array.of(10, index >> 8, index & 255, 1)
}
