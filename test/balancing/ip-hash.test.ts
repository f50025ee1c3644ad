import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { groupOf, serversWith } from './group.ts'

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
