/** What keeps a server from serving, beyond what all policies are held to in conformance.test.ts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { ChangingGroup, type Group, groupOf, groupsOf, serversWith } from './group.ts'

const twoServers = serversWith([{ slowStart: 16_000 }, {}])

describe('a server', () => {
  test('that fails for several reasons is told by the one that lasts longest', () => {
    const { servers, scoreboard } = groupOf({ type: 'round-robin' }, twoServers)
    const [server] = servers
    server!.failed(0)
    assert.equal(server!.refusal(1), 'suspended')
    scoreboard.servers.setHealth(0, HealthBit.Ejected)
    assert.equal(server!.refusal(1), 'ejected')
    scoreboard.servers.setHealth(0, HealthBit.Unhealthy)
    assert.equal(server!.refusal(1), 'unhealthy')
    scoreboard.servers.clearHealth(0, HealthBit.Unhealthy)
    assert.equal(server!.refusal(1), 'ejected')
    scoreboard.servers.clearHealth(0, HealthBit.Ejected)
    assert.equal(server!.refusal(1), 'suspended')
  })

  test('comes back by time after failures, and not by time when its check or its answers took it out', () => {
    const { servers, scoreboard } = groupOf({ type: 'round-robin' }, twoServers)
    const [server] = servers
    server!.failed(0)
    assert.equal(server!.untilProbe(4000), 6001)
    for (const bit of [HealthBit.Unhealthy, HealthBit.Ejected]) {
      scoreboard.servers.setHealth(0, bit)
      assert.equal(server!.untilProbe(4000), Infinity)
      assert.equal(server!.isUp(20_000), false)
      scoreboard.servers.clearHealth(0, bit)
    }
  })

  test("that was removed is not blamed any more, since its slot may be another server's", () => {
    const group = new ChangingGroup({ type: 'round-robin' }, twoServers)
    const [removed, other] = group.servers
    group.apply({ type: 'round-robin' }, twoServers.slice(1))
    assert.equal(removed!.failed(0), false)
    const { servers } = group.scoreboard
    assert.deepEqual([servers.failures(0), servers.fails(0), servers.health(0)], [0, 0, 0])
    assert.equal(other!.refusal(1), undefined)
  })

  test('is not suspended for what failed at an address where it is no longer', () => {
    const group = new ChangingGroup({ type: 'round-robin' }, twoServers)
    const [server] = group.servers
    const { incarnation } = server!
    group.apply({ type: 'round-robin' }, [{ ...twoServers[0]!, address: '10.0.0.1:80' }, twoServers[1]!])
    assert.equal(server!.failed(0, incarnation), false)
    assert.equal(server!.refusal(1), undefined)
    assert.equal(group.scoreboard.servers.failures(0), 1, 'it is counted')
    assert.equal(server!.failed(2, server!.incarnation), true)
  })

  test('is not suspended for what another process at the same address did, where its source tells them apart', () => {
    const as = (incarnation: string) => [{ ...twoServers[0]!, incarnation }, twoServers[1]!]
    const group = new ChangingGroup({ type: 'round-robin' }, as('one'))
    const [server] = group.servers
    const { incarnation } = server!
    assert.equal(server!.failed(0), true)
    group.apply({ type: 'round-robin' }, as('one'))
    assert.equal(server!.refusal(1), 'suspended')
    group.apply({ type: 'round-robin' }, as('two'))
    assert.equal(server!.refusal(1), undefined)
    assert.equal(server!.failed(2, incarnation), false)
    assert.equal(server!.refusal(3), undefined)
  })

  test('may be probed also where nobody has asked for it since the 32-bit clock went round', () => {
    const day = 86_400_000
    for (const failTimeout of [10_000, 2 ** 31 - 1]) {
      const servers = serversWith([{ failTimeout }, {}])
      const [server] = groupOf({ type: 'round-robin' }, servers).servers
      server!.failed(0)
      assert.equal(server!.refusal(5000), 'suspended')
      for (const days of [25, 30, 49]) assert.equal(server!.refusal(days * day), undefined, `after ${days} days`)
    }
  })

  test('tells once that it went out, and once that it is back, whichever worker notices', () => {
    const [one, other] = groupsOf({ type: 'round-robin' }, twoServers, 2) as [Group, Group]
    assert.deepEqual(
      [one.servers[0]!.failed(0), other.servers[0]!.failed(1), one.servers[0]!.failed(2)],
      [true, false, false],
    )
    assert.ok(other.servers[0]!.claim(20_000))
    assert.deepEqual([other.servers[0]!.succeeded(20_000), one.servers[0]!.succeeded(20_001)], [true, false])
    assert.equal(one.servers[0]!.refusal(20_002), undefined)
  })

  test('is probed and comes back in a panic too', () => {
    const { servers, scoreboard } = groupOf({ type: 'round-robin' }, twoServers)
    const [server] = servers
    server!.failed(0)
    scoreboard.servers.setHealth(0, HealthBit.Panic)
    assert.ok(server!.claim(5000))
    assert.equal(server!.succeeded(5001), false)
    assert.ok(server!.claim(20_000))
    assert.ok(server!.claim(20_000))
    assert.equal(server!.succeeded(20_001), true)
    assert.equal(scoreboard.servers.health(0), HealthBit.Panic)
  })

  test('counts its answers for all workers together, and the bad ones in a row', () => {
    const [one, other] = groupsOf({ type: 'round-robin' }, twoServers, 2) as [Group, Group]
    const rows = [true, false, false].map((good) => one.servers[0]!.answered(good))
    assert.deepEqual([...rows, other.servers[0]!.answered(false)], [0, 1, 2, 3])
    assert.equal(other.servers[0]!.answered(true), 0)
    assert.equal(one.servers[0]!.answered(false), 1)
    assert.deepEqual([one.scoreboard.servers.good(0), one.scoreboard.servers.bad(0)], [2, 4])
    assert.deepEqual([one.scoreboard.servers.good(1), one.scoreboard.servers.bad(1)], [0, 0])
  })

  test('keeps its health when a worker dies, and is known by it to the next one', () => {
    const { servers, scoreboard } = groupOf({ type: 'round-robin' }, twoServers)
    servers[0]!.failed(0)
    scoreboard.servers.setHealth(1, HealthBit.Unhealthy)
    scoreboard.forget(0)
    const next = new Scoreboard(scoreboard.memory)
    assert.deepEqual([next.servers.health(0), next.servers.health(1)], [HealthBit.Suspended, HealthBit.Unhealthy])
  })
})

describe('a server that is away', () => {
  const away = (index: number) =>
    twoServers.map((server, each) => (each === index ? { ...server, away: true as const } : server))

  for (const balance of [
    { type: 'ip-hash' },
    { type: 'hash', key: { from: 'uri' } },
    { type: 'consistent-hash', key: { from: 'uri' } },
    { type: 'consistent-hash', key: { from: 'uri' }, boundedLoad: 1.25 },
    { type: 'least-connections' },
    { type: 'random-two' },
    { type: 'least-time', decay: 1000 },
  ] as const)
    test(`is not picked, and keeps its place (${JSON.stringify(balance)})`, () => {
      const group = new ChangingGroup(balance, twoServers)
      const keys = Array.from({ length: 32 }, (_, index) => Buffer.from([10, 0, index, index]))
      const homes = keys.map((key) => group.policy.home?.(key)?.settings.name)
      const [, other] = group.servers
      group.apply(balance, away(0))
      assert.deepEqual(
        keys.map((key) => group.policy.home?.(key)?.settings.name),
        homes,
      )
      for (const key of keys) {
        const picked = group.policy.pick(key, [], 1)!
        assert.equal(picked, other)
        picked.release()
      }
      group.apply(balance, twoServers)
      const picked = new Set(keys.map((key) => group.policy.pick(key, [], 2)?.settings.name))
      assert.equal(picked.size, 2)
    })

  test('keeps its time for least-time, and one that was down does not', () => {
    const balance = { type: 'least-time', decay: 1000 } as const
    const group = new ChangingGroup(balance, twoServers)
    const [server] = group.servers
    const latencyAfter = (change: object) => {
      group.policy.pick(Buffer.alloc(0), [], 0)
      group.policy.answered!(server!, 50, true, 1)
      group.apply(balance, [{ ...twoServers[0]!, ...change }, twoServers[1]!])
      group.policy.pick(Buffer.alloc(0), [], 2)
      group.apply(balance, twoServers)
      group.policy.pick(Buffer.alloc(0), [], 3)
      return group.scoreboard.servers.latency(0)
    }
    assert.equal(latencyAfter({ away: true }), 50)
    assert.equal(latencyAfter({ down: true }), 0)
  })

  test('is told after the operator and before health, and is not waited for by newcomers while it drains', () => {
    const group = new ChangingGroup({ type: 'round-robin' }, [{ ...twoServers[0]!, away: true }, twoServers[1]!])
    const [server] = group.servers
    group.scoreboard.servers.setHealth(0, HealthBit.Unhealthy)
    assert.deepEqual([server!.refusal(1), server!.untilProbe(1), server!.isExpected], ['away', Infinity, true])
    group.apply({ type: 'round-robin' }, [{ ...twoServers[0]!, away: true, drain: true }, twoServers[1]!])
    assert.deepEqual([server!.refusal(1), server!.refusal(1, true)], ['drained', 'away'])
    group.apply({ type: 'round-robin' }, [{ ...twoServers[0]!, away: true, down: true }, twoServers[1]!])
    assert.equal(server!.refusal(1, true), 'down')
  })

  test('is away until it has answered, and is tried twice a second meanwhile', () => {
    const group = new ChangingGroup({ type: 'round-robin' }, away(0))
    const [server] = group.servers
    const { servers } = group.scoreboard
    servers.setHealth(0, HealthBit.Returning)
    group.apply({ type: 'round-robin' }, twoServers)
    assert.equal(server!.refusal(1000), undefined)
    assert.equal(server!.failed(1000), false, 'nobody is told')
    assert.deepEqual([server!.refusal(1001), server!.untilProbe(1001)], ['away', 500])
    assert.ok(server!.claim(1501))
    assert.equal(server!.claim(1502), false, 'one request tries it')
    server!.succeeded(1503)
    assert.deepEqual([server!.refusal(1504), servers.health(0)], [undefined, 0])
    assert.equal(server!.failed(2000), true)
    assert.equal(server!.refusal(3000), 'suspended')
  })

  test('that has been told to stop is never up, and serves all the same until it takes a request no longer', () => {
    const ending = { drain: true, returns: true, ending: true } as const
    const group = new ChangingGroup({ type: 'round-robin' }, [{ ...twoServers[0]!, ...ending }, twoServers[1]!])
    const [server] = group.servers
    assert.deepEqual([server!.refusal(0), server!.isUp(0), server!.mayServeToItsEnd(0)], ['drained', false, true])
    assert.equal(server!.untilProbe(0), Infinity)
    assert.equal(server!.expectBack(1000, server!.incarnation, false), true)
    assert.deepEqual([server!.refusal(1001, true), server!.mayServeToItsEnd(1001)], ['away', false])
    assert.equal(server!.untilProbe(1001), 500)
    server!.succeeded(1100, 900)
    assert.equal(server!.mayServeToItsEnd(1101), false, 'an answer to what it took before says nothing')
    assert.ok(server!.claim(1501))
    assert.equal(server!.claim(1502), false, 'one request tries it')
    server!.succeeded(1503, 1501)
    assert.deepEqual([server!.mayServeToItsEnd(1504), group.scoreboard.servers.health(0)], [true, 0])
  })

  test('that takes a request no longer is expected back only if its source says so, and no other may serve', () => {
    const group = new ChangingGroup({ type: 'round-robin' }, [{ ...twoServers[0]!, returns: true }, twoServers[1]!])
    const [found, fixed] = group.servers
    assert.equal(fixed!.expectBack(0, fixed!.incarnation, true), false)
    assert.equal(found!.expectBack(0, found!.incarnation, false), false)
    assert.equal(found!.refusal(1), undefined)
    assert.equal(found!.expectBack(1, found!.incarnation, true), true)
    assert.deepEqual([found!.refusal(2), found!.untilProbe(2)], ['away', 500])
    const before = found!.incarnation
    group.apply({ type: 'round-robin' }, [{ ...twoServers[0]!, away: true, returns: true }, twoServers[1]!])
    group.apply({ type: 'round-robin' }, [{ ...twoServers[0]!, returns: true }, twoServers[1]!])
    assert.equal(found!.expectBack(3, before, false), true, 'it is another now')
    assert.equal(found!.refusal(4), undefined)
  })

  test('is no longer to blame for what threads count that did not know yet that it has moved', () => {
    const group = new ChangingGroup({ type: 'round-robin' }, twoServers)
    const [server] = group.servers
    assert.equal(server!.failed(0), true)
    const moved = { address: '10.0.0.1:80', endpoint: { host: '10.0.0.1', port: 80 } }
    group.apply({ type: 'round-robin' }, [{ ...twoServers[0]!, ...moved }, twoServers[1]!])
    assert.equal(server!.refusal(1), undefined)
  })
})
