/** What the admin API shows once another Snapshot was applied: real shared memory, and nothing of the Snapshot before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { View } from '../../src/admin/view.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Listener, Server, Snapshot } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'

const HTTP: Listener = { address: '127.0.0.1', port: 8080, proxyProtocol: false }
const SOCKET: Listener = { path: '/run/limpet.sock', mode: 0o660, proxyProtocol: false }

/** A Snapshot of one upstream whose sessions are known by a cookie. */
function snapshotOf(
  generation: number,
  name: string,
  servers: readonly Partial<Server>[],
  listeners: readonly Listener[] = [HTTP],
): Snapshot {
  const affinity = { type: 'cookie', idle: 3_600_000 }
  const upstream = { name, slot: 0, balance: { type: 'round-robin' }, affinity, servers: serversWith(servers) }
  return { generation, listeners, upstreams: [upstream] } as unknown as Snapshot
}

/** No operator has changed anything. */
const unchanged = {
  revision: '1',
  drift: () => [],
  server: () => undefined,
  drains: () => [],
  pauseOf: () => undefined,
}

/** A view of that Snapshot, and of any that is put in its place. */
function viewOf(snapshot: Snapshot) {
  const subject = {
    version: '1.2.3',
    pid: 1,
    instance: '80',
    startedAt: 0,
    phase: 'serving' as const,
    workers: 1,
    snapshot,
    scoreboard: new Scoreboard(),
    sessions: new SessionTable(),
    droppedLogLines: 0,
    waitsFor: undefined,
    certificates: [],
    sources: [],
    warnings: () => [],
    causeOf: () => 'ill',
  }
  subject.sessions.apply(snapshot.upstreams)
  return { subject, view: new View(subject, unchanged) }
}

test('sessions are counted again for another Snapshot, whose slots may be those of other servers', () => {
  const { subject, view } = viewOf(snapshotOf(1, 'app', [{ name: 'a' }, { name: 'b' }]))
  const { sessions } = subject
  const live = () =>
    view.upstreams().map(({ name, servers }) => [name, ...servers.map((one) => [one.name, one.sessions?.live])])
  sessions.put(1, 1, 0, wallSeconds())
  sessions.put(2, 2, 0, wallSeconds())
  assert.deepEqual(live(), [['app', ['a', 2], ['b', 0]]])
  // a is gone, and its sessions with it; c has its slot.
  sessions.remove(1, 1)
  sessions.remove(2, 2)
  sessions.put(3, 3, 2, wallSeconds())
  subject.snapshot = snapshotOf(2, 'other', [
    { name: 'c', slot: 0 },
    { name: 'd', slot: 2 },
  ])
  sessions.apply(subject.snapshot.upstreams)
  assert.deepEqual(live(), [['other', ['c', 0], ['d', 1]]])
  assert.equal(view.upstream('app'), undefined)
})

test('the status is that of the present Snapshot', () => {
  const { subject, view } = viewOf(snapshotOf(1, 'app', [{ name: 'a' }]))
  const shown = () => {
    const { generation, listeners, upstreams } = view.status()
    return [generation, upstreams, ...listeners.map(({ address, port }) => `${address} ${port}`)]
  }
  assert.deepEqual(shown(), [1, 1, '127.0.0.1 8080'])
  subject.snapshot = { ...snapshotOf(2, 'app', [{ name: 'a' }], [HTTP, SOCKET]), upstreams: [] }
  assert.deepEqual(shown(), [2, 0, '127.0.0.1 8080', 'unix:/run/limpet.sock null'])
})

test('of a disabled server nothing is known, whatever its health was before', () => {
  const { subject, view } = viewOf(snapshotOf(1, 'app', [{ name: 'a' }]))
  const state = () => view.upstreams()[0]!.servers[0]!.state
  subject.scoreboard.servers.setHealth(0, HealthBit.Unhealthy)
  assert.deepEqual(state(), { admin: 'ready', health: 'down', cause: 'ill' })
  subject.snapshot = snapshotOf(2, 'app', [{ name: 'a', down: true }])
  assert.deepEqual(state(), { admin: 'maintenance', health: 'unknown', cause: null })
})

test('a server that a source has found says so, and whether it is away; sources say how they are', () => {
  const snapshot = snapshotOf(1, 'app', [{ name: 'a' }, { name: 'b' }])
  const mistakes = [{ where: '/a.yaml:1:1', message: 'expected a port' }]
  const source = { upstream: 'app', source: 'file', name: 'file /a.yaml', servers: 1, since: 0, mistakes }
  const subject = {
    ...viewOf(snapshot).subject,
    sources: [{ ...source, state: 'failing' as const, lastSuccess: undefined, error: 'no such file' }],
  }
  const server = (_: string, name: string) =>
    name === 'a' ? undefined : { id: name, settings: { address: 'b:80' }, source: 'file', isAway: true as const }
  const view = new View(subject, { ...unchanged, server } as unknown as typeof unchanged)
  const [app] = view.upstreams()
  assert.deepEqual(
    app!.servers.map(({ source, state }) => [source, state.health]),
    [
      [null, 'unknown'],
      ['file', 'away'],
    ],
  )
  const shown = {
    ...source,
    state: 'failing',
    since: '1970-01-01T00:00:00.000Z',
    error: 'no such file',
    mistakes: [{ ...mistakes[0], hint: null }],
  }
  assert.deepEqual(view.sources(), [shown])
  assert.deepEqual(view.status().sources, [shown])
})
