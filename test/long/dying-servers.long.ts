/** The same as in test/scenarios/dying-servers.test.ts, with more of everything. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replaceDyingServers } from '../scenarios/dying-servers.ts'

const many = { names: ['a', 'b', 'c'], replacements: 50, users: 200, websockets: 50 }

test('50 replacements of servers that close their listener when they are told to end', async (t) => {
  assert.deepEqual((await replaceDyingServers(t, { ...many, linger: 0 })).trouble, [])
})

test('50 replacements of servers that go on for a second', async (t) => {
  assert.deepEqual((await replaceDyingServers(t, { ...many, linger: 1000 })).trouble, [])
})

test('9 servers that go on for five seconds', async (t) => {
  assert.deepEqual((await replaceDyingServers(t, { ...many, replacements: 9, linger: 5000 })).trouble, [])
})
