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
