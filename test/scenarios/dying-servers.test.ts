/** Users and WebSockets of servers that end and come back: nobody gets an error, and everyone is back on their server. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { replaceDyingServers } from './dying-servers.ts'

const few = { names: ['a', 'b', 'c'], replacements: 3, users: 12, websockets: 6 }

test('no request fails while servers are replaced that close their listener when they are told to end', async (t) => {
  const { trouble, codes } = await replaceDyingServers(t, { ...few, linger: 0 })
  assert.deepEqual(trouble, [])
  assert.deepEqual(codes, new Set([1001]))
})

test('nor while those are replaced that go on for a while', async (t) => {
  const { trouble, codes } = await replaceDyingServers(t, { ...few, linger: 500 })
  assert.deepEqual(trouble, [])
  assert.deepEqual(codes, new Set([1001]))
})

describe('nor while the only server is replaced', () => {
  for (const [what, linger] of [
    ['that closes its listener when it is told to end', 0],
    ['that goes on for a while', 500],
  ] as const) {
    test(what, async (t) => {
      const { trouble, codes } = await replaceDyingServers(t, { ...few, names: ['a'], linger })
      assert.deepEqual(trouble, [])
      assert.deepEqual(codes, new Set([1001]))
    })
  }
})

test('nor while all are replaced at once', async (t) => {
  const { trouble, codes } = await replaceDyingServers(t, { ...few, isAllAtOnce: true, linger: 100 })
  assert.deepEqual(trouble, [])
  assert.deepEqual(codes, new Set([1001]))
})

test('of servers that are killed, only what was in flight fails that cannot be sent again', async (t) => {
  const { trouble, codes } = await replaceDyingServers(t, { ...few, linger: 'killed' })
  assert.deepEqual(codes, new Set([1012]), 'clients of WebSockets are told to connect again')
  assert.deepEqual(
    trouble.filter((each) => each !== 'POST 502'),
    [],
  )
})
