import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Balance } from '../../src/runtime/snapshot.ts'
import { type Group, groupOf, groupsOf, keyOf, serversWith } from './group.ts'

const NO_KEY = keyOf('')
const servers = serversWith([{ weight: 4, slowStart: 16_000 }, { weight: 4 }, { weight: 4 }])

/** Takes the first server out, and brings it back at time 20,000. */
function returnFirst({ servers }: Group): void {
  const [first] = servers
  first!.failed(0)
  assert.ok(first!.claim(20_000))
  first!.release()
  assert.ok(first!.succeeded(20_000))
}

/** The first server's share of what is sent at a time, each request over before the next one. */
function shareAt({ policy }: Group, now: number): number {
  const turns = 2400
  let count = 0
  for (let turn = 0; turn < turns; turn++) {
    const picked = policy.pick(NO_KEY, [], now)!
    picked.release()
    if (picked.settings.slot === 0) count++
  }
  return count / turns
}

describe('slow start', () => {
  for (const balance of [{ type: 'round-robin' }, { type: 'least-connections' }] satisfies Balance[]) {
    test(`${balance.type} lets the share of a returned server grow to the whole`, () => {
      const group = groupOf(balance, servers)
      returnFirst(group)
      const shares = [20_000, 24_000, 28_000, 35_999, 36_000].map((now) => shareAt(group, now))
      // Of its weight: 1/16 at once, a sixteenth more each second.
      const expected = [1, 5, 9, 16, 16].map((part) => part / (part + 32))
      shares.forEach((share, index) => {
        assert.ok(Math.abs(share - expected[index]!) < 0.01, `${share}, not ${expected[index]}`)
      })
    })
  }

  test('least-connections does not flood a returned server', () => {
    const group = groupOf({ type: 'least-connections' }, servers)
    returnFirst(group)
    for (let i = 0; i < 330; i++) group.policy.pick(NO_KEY, [], 20_000)
    assert.deepEqual([0, 1, 2].map(group.scoreboard.servers.inFlight, group.scoreboard.servers), [10, 160, 160])
  })

  test('is the same for every worker, and for one that begins in the middle of it', () => {
    const [one, other] = groupsOf({ type: 'round-robin' }, servers, 2) as [Group, Group]
    returnFirst(one)
    assert.equal(one.servers[0]!.weight(24_000), 1.25)
    assert.equal(other.servers[0]!.weight(24_000), 1.25)
  })

  test('begins for a server that somebody else brings back, and not at the start of the program', () => {
    const { servers: states } = groupOf({ type: 'round-robin' }, servers)
    assert.equal(states[0]!.weight(5), 4)
    states[0]!.returned(1000)
    assert.equal(states[0]!.weight(1000), 0.25)
    assert.equal(states[0]!.weight(17_000), 4)
    assert.equal(states[0]!.weight(1000 + 2 ** 32), 4)
  })
})
