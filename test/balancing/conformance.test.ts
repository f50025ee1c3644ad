/** What every policy must keep to, whatever its kind. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ServerState } from '../../src/balancing/server-state.ts'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import type { Balance, Server } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { addressOf, groupsOf as builtGroupsOf, changedGroupsOf, emptied, type Group, serversWith } from './group.ts'
import '../support/seeded-random.ts'

const policies: readonly Balance[] = [
  { type: 'round-robin' },
  { type: 'ip-hash' },
  { type: 'hash', key: { from: 'address' } },
  { type: 'consistent-hash', key: { from: 'address' } },
  { type: 'consistent-hash', key: { from: 'address' }, boundedLoad: 1.25 },
  { type: 'least-connections' },
  { type: 'random-two' },
  { type: 'least-time', decay: 10_000 },
]

const someServers = fc
  .array(fc.record({ weight: fc.integer({ min: 1, max: 20 }), down: fc.boolean(), backup: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
  })
  .map(serversWith)
const whole = (max: number) => fc.integer({ min: 1, max })
const someAddress = fc.uint8Array({ minLength: 4, maxLength: 4 })

const cases = policies.flatMap((balance) => {
  const name = 'boundedLoad' in balance ? 'consistent-hash, bounded' : balance.type
  return [
    { name, balance, groupsOf: builtGroupsOf },
    { name: `${name}, after other lists of servers`, balance, groupsOf: changedGroupsOf },
  ]
})

/** Of one run of a property at a time. */
const board = new Scoreboard()

for (const { name, balance, groupsOf: make } of cases) {
  const groupsOf = (of: Balance, servers: readonly Server[], workers: number): Group[] =>
    make(of, servers, workers, emptied(board))
  const groupOf = (of: Balance, servers: readonly Server[]): Group => groupsOf(of, servers, 1)[0]!

  describe(`every policy: ${name}`, () => {
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

    test('suspends a failed server for its time, then lets exactly one request probe it', () => {
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

    test('never gives a server more than its maxConnections, whatever the worker', () => {
      const limited = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 5 }), maxConnections: whole(5) }), {
        minLength: 1,
        maxLength: 6,
      })
      fc.assert(
        fc.property(limited, fc.array(fc.tuple(fc.nat(1), someAddress, fc.boolean())), (settings, turns) => {
          const groups = groupsOf(balance, serversWith(settings), 2)
          const held: ServerState[] = []
          for (const [worker, address, isOver] of turns) {
            const { policy, servers, scoreboard } = groups[worker]!
            const hasPlace = servers.some((server) => server.mayServe(0))
            const picked = policy.pick(address, [], 0)
            assert.equal(picked !== undefined, hasPlace)
            if (picked !== undefined) held.push(picked)
            if (isOver) held.shift()?.release()
            for (const { settings } of servers)
              assert.ok(scoreboard.servers.inFlight(settings.slot) <= settings.maxConnections)
          }
        }),
      )
    })

    test('says that a server is full, and picks it again once it has a place', () => {
      const { policy, servers } = groupOf(balance, serversWith([{ maxConnections: 1 }, { down: true }]))
      const [only] = servers as [ServerState]
      assert.equal(policy.pick(addressOf(1), [], 0), only)
      assert.equal(only.refusal(0), 'full')
      assert.equal(policy.pick(addressOf(2), [], 0), undefined)
      only.release()
      assert.equal(policy.pick(addressOf(2), [], 0), only)
    })

    test('holds what it has picked until that is released', () => {
      fc.assert(
        fc.property(someServers, fc.array(someAddress), (servers, addresses) => {
          const { policy, scoreboard } = groupOf(balance, servers)
          const picked = addresses.map((address) => policy.pick(address, [], 0))
          const inFlight = () => servers.reduce((sum, server) => sum + scoreboard.servers.inFlight(server.slot), 0)
          assert.equal(inFlight(), picked.filter((server) => server !== undefined).length)
          for (const server of picked) server?.release()
          assert.equal(inFlight(), 0)
        }),
      )
    })

    test('wants to hear of answers only if it goes by them', () => {
      const { policy } = groupOf(balance, serversWith([{}, {}]))
      assert.equal(policy.answered !== undefined, balance.type === 'least-time')
    })

    for (const [name, bit, refusal] of [
      ['that its check calls down', HealthBit.Unhealthy, 'unhealthy'],
      ['that is ejected', HealthBit.Ejected, 'ejected'],
    ] as const) {
      test(`asks no server ${name}, whatever the time, until that is over`, () => {
        const { policy, servers, scoreboard } = groupOf(balance, serversWith([{}, {}, {}]))
        const picks = (now: number) => {
          const picked = Array.from({ length: 200 }, (_, i) => policy.pick(addressOf(i), [], now)!)
          for (const server of picked) server.release()
          return new Set(picked)
        }
        assert.deepEqual(picks(0), new Set(servers))
        scoreboard.servers.setHealth(1, bit)
        scoreboard.upstreams.bumpEpoch(0)
        assert.equal(servers[1]!.refusal(0), refusal)
        assert.deepEqual(picks(1), new Set([servers[0], servers[2]]))
        assert.deepEqual(picks(1_000_000), new Set([servers[0], servers[2]]))
        scoreboard.servers.clearHealth(1, bit)
        scoreboard.upstreams.bumpEpoch(0)
        assert.deepEqual(picks(1_000_001), new Set(servers))
      })
    }

    test('in a panic, asks all servers that the operator has not disabled, as long as that lasts', () => {
      const { policy, servers, scoreboard } = groupOf(balance, serversWith([{}, {}, {}, { down: true }]))
      const picks = () => {
        const picked = Array.from({ length: 200 }, (_, i) => policy.pick(addressOf(i), [], 1))
        for (const server of picked) server?.release()
        return new Set(picked.map((server) => server?.settings.slot))
      }
      const inAll = (change: (slot: number) => void) => {
        for (const { settings } of servers) change(settings.slot)
        scoreboard.upstreams.bumpEpoch(0)
      }
      servers[0]!.failed(0)
      scoreboard.servers.setHealth(1, HealthBit.Unhealthy)
      scoreboard.servers.setHealth(2, HealthBit.Ejected)
      scoreboard.upstreams.bumpEpoch(0)
      assert.deepEqual(picks(), new Set([undefined]))
      inAll((slot) => scoreboard.servers.setHealth(slot, HealthBit.Panic))
      assert.deepEqual(picks(), new Set([0, 1, 2]))
      assert.deepEqual(
        servers.map((server) => server.refusal(1)),
        [undefined, undefined, undefined, 'down'],
      )
      inAll((slot) => scoreboard.servers.clearHealth(slot, HealthBit.Panic))
      assert.deepEqual(picks(), new Set([undefined]))
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
