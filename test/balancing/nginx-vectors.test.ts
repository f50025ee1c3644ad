import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parseIpAddress } from '../../src/runtime/ip-address.ts'
import { groupOf, groupsOf, keyOf, serversWith } from './group.ts'

interface Recorded {
  readonly weights: readonly number[]
  readonly down: readonly number[]
  readonly ipHash: Readonly<Record<string, number>>
  readonly roundRobin: readonly number[]
  readonly hash: Readonly<Record<string, number>>
  readonly hashConsistent: Readonly<Record<string, number>>
}

const file = new URL('../fixtures/nginx/balancing.json', import.meta.url)
const { groups } = JSON.parse(readFileSync(file, 'utf8')) as { groups: Record<string, Recorded> }

/** The addresses came to nginx in a header; where it finds none there (255.255.255.255), it goes by the sender's own. */
const recorder = parseIpAddress('127.0.0.1')!

for (const [name, { weights, down, ipHash, roundRobin, hash, hashConsistent }] of Object.entries(groups)) {
  const servers = serversWith(weights.map((weight, index) => ({ weight, down: down.includes(index) })))

  describe(`as recorded from nginx: ${name}`, () => {
    test('ip-hash sends every address to the same server', () => {
      const { policy } = groupOf({ type: 'ip-hash' }, servers)
      for (const [address, expected] of Object.entries(ipHash)) {
        const { octets } = parseIpAddress(address) ?? recorder
        const picked = policy.pick(octets, [], 0)
        assert.equal(picked?.settings.slot, expected, address)
      }
    })

    test('hash sends every key to the same server', () => {
      const { policy } = groupOf({ type: 'hash', key: { from: 'query', name: 'k' } }, servers)
      for (const [key, expected] of Object.entries(hash)) {
        assert.equal(policy.pick(keyOf(key), [], 0)?.settings.slot, expected, key)
      }
    })

    test('consistent-hash sends every key to the same server', () => {
      const { policy } = groupOf({ type: 'consistent-hash', key: { from: 'query', name: 'k' } }, servers)
      for (const [key, expected] of Object.entries(hashConsistent)) {
        assert.equal(policy.pick(keyOf(key), [], 0)?.settings.slot, expected, key)
      }
    })

    for (const workers of [1, 2]) {
      test(`round robin goes through the servers in the same order with ${workers} worker(s)`, () => {
        const sharing = groupsOf({ type: 'round-robin' }, servers, workers)
        const picks = roundRobin.map((_, turn) => sharing[turn % workers]!.policy.pick(new Uint8Array(4), [], 0))
        assert.deepEqual(
          picks.map((picked) => picked?.settings.slot),
          roundRobin,
        )
      })
    }
  })
}
