/** What half of a session's id says of its key is all that a hash policy needs. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KeyedAffinity } from '../../src/affinity/keyed.ts'
import { keyHash, keyOf } from '../../src/runtime/key-hash.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import fc from '../support/property.ts'
import { groupOf, serversWith } from './group.ts'

const addresses = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
)
const kinds = [
  { kind: 'ip-hash', balance: { type: 'ip-hash' }, keys: addresses },
  {
    kind: 'consistent-hash',
    balance: { type: 'consistent-hash', key: { from: 'uri' } },
    keys: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  },
] as const
const servers = fc.array(
  fc.record({ weight: fc.integer({ min: 1, max: 9 }), down: fc.boolean(), backup: fc.boolean() }),
  { minLength: 1, maxLength: 9 },
)

describe('a key that is made of a hash goes where every key of that hash goes', () => {
  for (const { kind, balance, keys } of kinds) {
    test(kind, () =>
      fc.assert(
        fc.property(servers, keys, fc.integer(), (settings, key, filler) => {
          const like = keyOf(kind, keyHash(kind, key, filler))
          const [one, other] = [groupOf(balance, serversWith(settings)), groupOf(balance, serversWith(settings))]
          assert.equal(other.policy.home!(like)?.settings.name, one.policy.home!(key)?.settings.name)
          // Also after each server that would have taken it has failed.
          for (let tries = 0; tries < settings.length; tries++) {
            const tried = one.servers.slice(0, tries)
            const picked = one.policy.pick(key, tried, 0)
            const pickedLike = other.policy.pick(like, other.servers.slice(0, tries), 0)
            assert.equal(pickedLike?.settings.name, picked?.settings.name)
          }
        }),
      ),
    )

    test(`${kind}: the hash survives in the session's id`, () =>
      fc.assert(
        fc.property(servers, keys, (settings, key) => {
          const tie = { ...balance, idle: 0, onLost: 'move' } as const
          const affinity = new KeyedAffinity(tie, 'app', new SessionTable().key)
          const { high, low } = affinity.read({ key: () => key })!
          const saved = { high, low, server: 0, seenAt: 0, begunAt: 0 }
          const { policy } = groupOf(balance, serversWith(settings))
          assert.equal(policy.home!(affinity.recall(saved).key!), policy.home!(key))
        }),
        { numRuns: 20 },
      ))
  }
})
