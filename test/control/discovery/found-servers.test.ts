import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FoundServers } from '../../../src/control/discovery/found-servers.ts'
import type { FoundServer } from '../../../src/discovery/provider.ts'
import { MAX_SERVERS } from '../../../src/runtime/bounds.ts'

const listeners = [{ address: '127.0.0.1', port: 8080 }]
const found = (name: string, more: Partial<FoundServer> = {}): FoundServer => {
  return { id: name, name, address: '10.0.0.1:80', ...more }
}
const servers = (returns = false) =>
  new FoundServers('docker', 'upstream app: server', { weight: 2, maxFails: 7 }, returns, () => listeners)

test('a server has its own settings, else those of its entry', () => {
  const { servers: made } = servers().read([found('a'), found('b', { settings: { weight: 5 } })])
  assert.deepEqual(
    made.map(({ name, weight, maxFails, source }) => [name, weight, maxFails, source]),
    [
      ['a', 2, 7, 'docker'],
      ['b', 5, 7, 'docker'],
    ],
  )
})

test('what is said again is the same object, and only what is said otherwise is another', () => {
  const all = servers()
  const [a, b] = all.read([found('a'), found('b')]).servers
  const [b2, a2] = all.read([found('b', { state: 'down' }), found('a')]).servers
  assert.equal(a2, a)
  assert.notEqual(b2, b)
  assert.equal(b2!.down, true)
})

test('states and expected returns are said', () => {
  const states = (['ready', 'drain', 'down', 'away'] as const).map((state) => found(state, { state }))
  const { servers: made } = servers(true).read(states)
  assert.deepEqual(
    made.map(({ drain, down, away, returns }) => [drain, down, away ?? false, returns]),
    [
      [false, false, false, true],
      [true, false, false, true],
      [false, true, false, true],
      [false, false, true, true],
    ],
  )
})

test('one that has been told to stop is about to end if it is expected back, and nothing else drains it', () => {
  const drains = found('a', { state: 'drain' })
  const both = found('b', { state: 'drain', settings: { drain: true } })
  const own = found('c', { settings: { drain: true } })
  const endings = (returns: boolean) =>
    servers(returns)
      .read([drains, both, own])
      .servers.map(({ ending }) => ending)
  assert.deepEqual(endings(true), [true, undefined, undefined])
  assert.deepEqual(endings(false), [undefined, undefined, undefined])
})

test('one that is wrong is a mistake, and the others are used', () => {
  const { servers: made, mistakes } = servers().read([
    found('a', { settings: { weight: 0 } }),
    found('b', { address: '127.0.0.1:8080' }),
    found('c'),
  ])
  assert.deepEqual(
    made.map(({ name }) => name),
    ['c'],
  )
  assert.deepEqual(
    mistakes.map(({ where }) => where),
    ['upstream app: server a: weight', 'upstream app: server b'],
  )
  assert.match(mistakes[1]!.message, /where the proxy itself listens/)
})

test('more than Limpet has room for are left out, and that is said', () => {
  const many = Array.from({ length: MAX_SERVERS + 2 }, (_, index) => found(`s${index}`))
  const { servers: made, mistakes } = servers().read(many)
  assert.equal(made.length, MAX_SERVERS)
  assert.match(mistakes[0]!.message, new RegExp(`at most ${MAX_SERVERS} servers, found ${MAX_SERVERS + 2}`))
})

test('the proxy itself is recognised wherever it listens by now, and each other server stays the same object', () => {
  let places: readonly { address: string; port: number }[] = [{ address: '127.0.0.1', port: 0 }]
  const all = new FoundServers('file', 'upstream app: server', {}, false, () => places)
  const list = [found('own', { address: '127.0.0.1:9000' }), found('other', { address: '127.0.0.1:9001' })]
  const before = all.read(list)
  assert.equal(before.servers.length, 2)
  places = [{ address: '127.0.0.1', port: 9000 }]
  const { servers: made, mistakes } = all.read(list)
  assert.equal(made.length, 1)
  assert.equal(made[0], before.servers[1])
  assert.match(mistakes[0]!.message, /found 127\.0\.0\.1:9000, where the proxy itself listens/)
  places = [{ address: '127.0.0.1', port: 9001 }]
  assert.equal(all.read(list).servers[0], before.servers[0])
})
