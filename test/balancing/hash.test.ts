import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { crc32 as reference } from 'node:zlib'
import { crc32, update, updateByZeros } from '../../src/runtime/crc32.ts'
import type { Balance } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { type Group, groupOf, keyOf, serversWith } from './group.ts'

const key = { from: 'address' } as const
const hash: Balance = { type: 'hash', key }
const consistent: Balance = { type: 'consistent-hash', key }
const bounded: Balance = { type: 'consistent-hash', key, boundedLoad: 1.25 }

const KEYS = 10_000
const keys = Array.from({ length: KEYS }, (_, index) => keyOf(`user-${index}`))

/** Where each key is served, with nothing else in flight. */
function placesOf({ policy }: Group): string[] {
  return keys.map((key) => {
    const server = policy.pick(key, [], 0)!
    server.release()
    return server.settings.name
  })
}

test('crc32 is that of zlib', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => crc32(bytes) === reference(bytes)))
})

test('the state before some bytes counts apart from the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000, size: 'max' }), fc.integer(), (bytes, state) => {
      assert.equal(update(state, bytes) | 0, (update(0, bytes) ^ updateByZeros(state, bytes.length)) | 0)
    }),
    { seed: 15 },
  )
})

for (const balance of [hash, consistent, bounded]) {
  describe('boundedLoad' in balance ? 'consistent-hash, bounded' : balance.type, () => {
    test('keeps a key on its server, and sends it back there when that returns', () => {
      const { policy } = groupOf(balance, serversWith(Array.from({ length: 5 }, () => ({}))))
      for (const key of keys.slice(0, 50)) {
        const home = policy.pick(key, [], 0)!
        home.release()
        assert.equal(policy.home!(key), home)
        home.failed(0)
        const away = policy.pick(key, [], 1)!
        away.release()
        assert.notEqual(away, home)
        const again = policy.pick(key, [], 5000)!
        again.release()
        assert.equal(again, away)
        const back = policy.pick(key, [], 10_001)!
        back.release()
        assert.equal(back, home)
        back.succeeded(10_001)
      }
    })

    test('goes round robin without a key, and has no home for it', () => {
      const { policy } = groupOf(balance, serversWith([{}, {}, {}]))
      const picked = Array.from({ length: 6 }, () => policy.pick(keyOf(''), [], 0)?.settings.slot)
      assert.deepEqual(picked, [0, 1, 2, 0, 1, 2])
      assert.equal(policy.home!(keyOf('')), undefined)
    })

    test('gives each server about its share of the keys', () => {
      const weights = [1, 2, 3, 4]
      const places = placesOf(groupOf(balance, serversWith(weights.map((weight) => ({ weight })))))
      weights.forEach((weight, index) => {
        const share = places.filter((name) => name === `127.0.0.1:${9101 + index}`).length / KEYS
        assert.ok(Math.abs(share / (weight / 10) - 1) < 0.25, `${share} for weight ${weight}`)
      })
    })
  })
}

for (const balance of [consistent, bounded]) {
  describe(`least movement: ${'boundedLoad' in balance ? 'bounded' : 'consistent-hash'}`, () => {
    const sizes = fc.integer({ min: 2, max: 30 })

    test('a server that joins takes keys only to itself, and about its share', () => {
      fc.assert(
        fc.property(sizes, (size) => {
          const servers = serversWith(Array.from({ length: size + 1 }, () => ({})))
          const before = placesOf(groupOf(balance, servers.slice(0, size)))
          const after = placesOf(groupOf(balance, servers))
          const moved = after.filter((name, index) => name !== before[index])
          assert.ok(moved.every((name) => name === servers[size]!.name))
          assert.ok(moved.length / KEYS <= 1 / (size + 1) + 0.02 + 0.25 / (size + 1), `${moved.length} of ${size + 1}`)
        }),
        { numRuns: 15 },
      )
    })

    test('a server that leaves moves only its own keys', () => {
      fc.assert(
        fc.property(sizes, fc.nat(), (size, which) => {
          const servers = serversWith(Array.from({ length: size + 1 }, () => ({})))
          const gone = which % servers.length
          const before = placesOf(groupOf(balance, servers))
          const after = placesOf(groupOf(balance, servers.toSpliced(gone, 1)))
          after.forEach((name, index) => {
            if (name !== before[index]) assert.equal(before[index], servers[gone]!.name)
          })
        }),
        { numRuns: 15 },
      )
    })

    test('a server that changes its address under its name keeps all of its keys', () => {
      const servers = serversWith([{ name: 'a' }, { name: 'b' }, { name: 'c' }])
      const endpoint = { host: '10.9.9.9', port: 80 }
      const moved = servers.map((server) => ({ ...server, address: '10.9.9.9:80', endpoint }))
      assert.deepEqual(placesOf(groupOf(balance, moved)), placesOf(groupOf(balance, servers)))
    })

    test('the order of the servers does not matter', () => {
      const servers = serversWith([{}, {}, { weight: 3 }, {}])
      assert.deepEqual(placesOf(groupOf(balance, servers.toReversed())), placesOf(groupOf(balance, servers)))
    })
  })
}

describe('consistent-hash, bounded', () => {
  const load = fc.record({
    weights: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 12 }),
    bound: fc.double({ min: 1.05, max: 3, noNaN: true }),
    turns: fc.array(fc.record({ key: fc.nat(3), over: fc.boolean() }), { maxLength: 200 }),
  })

  test('gives no server more than its bound times the mean, however hot a key', () => {
    fc.assert(
      fc.property(load, ({ weights, bound, turns }) => {
        const balance: Balance = { type: 'consistent-hash', key, boundedLoad: bound }
        const { policy, scoreboard } = groupOf(balance, serversWith(weights.map((weight) => ({ weight }))))
        const all = weights.reduce((sum, weight) => sum + weight, 0)
        const held: NonNullable<ReturnType<typeof policy.pick>>[] = []
        for (const turn of turns) {
          const picked = policy.pick(keyOf(turn.key), [], 0)!
          held.push(picked)
          const most = Math.ceil((bound * held.length * picked.settings.weight) / all)
          assert.ok(scoreboard.servers.inFlight(picked.settings.slot) <= most)
          if (turn.over) held.shift()!.release()
        }
      }),
    )
  })

  test('keeps a key at home as long as its server has its fill', () => {
    const { policy } = groupOf({ type: 'consistent-hash', key, boundedLoad: 2 }, serversWith([{}, {}, {}, {}]))
    const home = policy.home!(keyOf('hot'))
    assert.equal(policy.pick(keyOf('hot'), [], 0), home)
    assert.notEqual(policy.pick(keyOf('hot'), [], 0), home)
    for (const key of keys.slice(0, 40)) policy.pick(key, [], 0)
    assert.equal(policy.pick(keyOf('hot'), [], 0), home)
  })
})
