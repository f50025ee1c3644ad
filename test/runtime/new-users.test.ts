/** The servers of new users' first requests, which all threads share for a moment. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NEW_USERS_IN_BUCKET } from '../../src/runtime/bounds.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import fc from '../support/property.ts'

const WINDOW = 2000
const HERE = new Uint8Array([192, 0, 2, 1])
const BROWSER = Buffer.from('Mozilla/5.0')

test('a first request is remembered by all threads for the window that is asked for, and no longer', () => {
  const one = new Scoreboard()
  const other = new Scoreboard(one.memory).newUsers
  const user = one.newUsers.idOf(3, HERE, BROWSER)
  assert.deepEqual(other.idOf(3, HERE, BROWSER), user)
  // The shared clock, modulo 2^32, may turn from the largest number to the smallest in between.
  for (const begunAt of [0, 5000.7, 2 ** 31 - 1000, 2 ** 32 - 500]) {
    one.newUsers.note(user, 7, begunAt)
    const found = [-50, 0, WINDOW - 1, WINDOW, 2 ** 30, 2 ** 31 + 70_000].map((after) =>
      other.serverOf(user, WINDOW, begunAt + after),
    )
    assert.deepEqual(found, [7, 7, 7, -1, -1, -1])
  }
})

test('upstream, address and browser tell users apart', () => {
  const { newUsers } = new Scoreboard()
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  )
  const client = fc.tuple(fc.nat(4095), octets, fc.uint8Array({ maxLength: 300 }))
  fc.assert(
    fc.property(client, client, (one, other) => {
      const [first, second] = [newUsers.idOf(...one), newUsers.idOf(...other)]
      const isSame = fc.stringify(one) === fc.stringify(other)
      assert.equal(first.high === second.high && first.low === second.low, isSame)
    }),
  )
  const padded = new Uint8Array(16)
  padded.set(HERE)
  assert.notDeepEqual(newUsers.idOf(0, HERE, BROWSER), newUsers.idOf(0, padded, BROWSER))
})

test('where there is no room left, the oldest is forgotten', () => {
  const { newUsers } = new Scoreboard()
  // The upper half says which bucket.
  const users = Array.from({ length: NEW_USERS_IN_BUCKET + 2 }, (_, index) => ({ high: 5, low: index + 1 }))
  for (const [time, user] of users.entries()) newUsers.note(user, user.low, time)
  const found = users.map((user) => newUsers.serverOf(user, WINDOW, users.length))
  assert.deepEqual(found, [-1, -1, ...users.slice(2).map(({ low }) => low)])
  // One that starts over takes no other's place.
  newUsers.note(users[2]!, 99, users.length)
  assert.equal(newUsers.serverOf(users[2]!, WINDOW, users.length), 99)
  assert.equal(newUsers.serverOf(users[3]!, WINDOW, users.length), 4)
})
