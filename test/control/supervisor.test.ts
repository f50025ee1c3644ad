/** Workers that are handed one Snapshot after the other: real threads, and when they count as having it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { createServer } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { WebSocket, WebSocketServer } from 'ws'
import { parseConfig } from '../../src/config/file.ts'
import { compile } from '../../src/control/compile.ts'
import { SlotBook } from '../../src/control/slots/slot-book.ts'
import { Supervisor } from '../../src/control/workers/supervisor.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { PortListener, Snapshot } from '../../src/runtime/snapshot.ts'
import { Tallies } from '../../src/runtime/tallies.ts'
import { httpOrigin } from '../support/origin.ts'
import { until } from '../support/until.ts'
import { HeldWorker } from './held-worker.ts'

/** One upstream with one server, at that address. */
const configOf = (server: string) => `
listeners: [{ address: 127.0.0.1, port: 0 }]
accessLog: off
routes: [{ path: /*, upstream: app }]
upstreams:
  app:
    servers: [{ name: a, address: "${server}" }]
`

interface Stage {
  readonly supervisor: Supervisor
  readonly scoreboard: Scoreboard
  /** The next Snapshot, with the server at that address. */
  next(server: string): Snapshot
  /** Why workers died. */
  readonly deaths: string[]
}

function stage(test: TestContext, server: string): Stage {
  const slots = new SlotBook()
  const snapshotOf = (generation: number, server: string) =>
    compile(parseConfig(configOf(server), 'limpet.yaml', {}), generation, slots, () => '')
  const first = snapshotOf(1, server)
  slots.adopt(first)
  const deaths: string[] = []
  const scoreboard = new Scoreboard()
  const supervisor = new Supervisor(first, scoreboard, new SessionTable(), new Tallies(), {
    log: (_, written) => written(),
    logDropped: () => {},
    event: () => {},
    samples: () => {},
    spans: () => {},
    ids: () => {},
    requests: () => {},
    workerDied: (_, cause) => deaths.push(cause),
  })
  test.after(() => supervisor.stop())
  return {
    supervisor,
    scoreboard,
    deaths,
    next: (server) => ({
      ...snapshotOf(supervisor.snapshot.generation + 1, server),
      listeners: supervisor.snapshot.listeners,
    }),
  }
}

/** Whether a promise is settled once everything else has had its turn. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  void promise.then(() => {
    settled = true
  })
  for (let turns = 0; turns < 100; turns++) await turn()
  return settled
}

describe('another Snapshot', () => {
  test('is applied once every worker has acknowledged it, not only some', async (t) => {
    const held = new HeldWorker()
    const { supervisor, next, deaths } = stage(t, '127.0.0.1:1')
    await supervisor.start(2, held.thread)
    const applied = supervisor.apply(next('127.0.0.1:2'))
    assert.equal(supervisor.snapshot.generation, 2)
    await held.gate.arrivals(1)
    assert.equal(await isSettled(applied), false)
    held.gate.allow(1)
    await applied
    assert.deepEqual(deaths, [])
  })

  test('may come before the one before is acknowledged; each waits for its own', async (t) => {
    const held = new HeldWorker()
    const { supervisor, next, deaths } = stage(t, '127.0.0.1:1')
    await supervisor.start(1, held.thread)
    const second = supervisor.apply(next('127.0.0.1:2'))
    const third = supervisor.apply(next('127.0.0.1:3'))
    held.gate.allow(1)
    await second
    await held.gate.arrivals(2)
    assert.equal(await isSettled(third), false)
    held.gate.allow(2)
    await third
    assert.deepEqual(deaths, [])
  })

  test('counts as applied where a worker dies meanwhile once another listens in its place, with that Snapshot', async (t) => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) => httpOrigin(t, (_, response) => response.end(name))),
    )
    const held = new HeldWorker()
    const { supervisor, next, deaths } = stage(t, one!.address)
    const [listener] = await supervisor.start(1, held.thread)
    const answer = async () => (await fetch(`http://127.0.0.1:${(listener as PortListener).port}/`)).text()
    assert.equal(await answer(), 'one')
    const applied = supervisor.apply(next(two!.address))
    await held.gate.arrivals(1)
    await held.thread.terminate()
    await applied
    assert.equal(await answer(), 'two')
    assert.equal(deaths.length, 1)
  })

  test('one after the other, with a worker that starts meanwhile, reaches all of them', async (t) => {
    const { supervisor, next, deaths } = stage(t, '127.0.0.1:1')
    const held = new HeldWorker()
    held.gate.allow(0x7fff_ffff)
    await supervisor.start(2, held.thread)
    for (let port = 2; port < 12; port++) {
      if (port === 6) void held.thread.terminate()
      await supervisor.apply(next(`127.0.0.1:${port}`))
    }
    assert.equal(supervisor.snapshot.generation, 11)
    assert.equal(supervisor.snapshot.upstreams[0]!.servers[0]!.address, '127.0.0.1:11')
    // Another cause than the test would be a difference that a worker could not apply.
    assert.ok(
      deaths.every((cause) => cause === 'it ended unexpectedly'),
      deaths.join(),
    )
  })

  test('is waited for no longer once all are stopped', async (t) => {
    const held = new HeldWorker()
    const { supervisor, next } = stage(t, '127.0.0.1:1')
    await supervisor.start(1, held.thread)
    const applied = supervisor.apply(next('127.0.0.1:2'))
    await held.gate.arrivals(1)
    const stopped = supervisor.stop()
    await held.thread.terminate()
    await Promise.all([stopped, applied])
    await supervisor.apply(next('127.0.0.1:3'))
  })
})

describe('tunnels', () => {
  /** Two workers in front of a server, with that many WebSockets to it. */
  async function opened(t: TestContext, count: number, thread?: Worker) {
    const origin = await httpOrigin(t, (_, response) => response.end())
    new WebSocketServer({ server: origin.server as ReturnType<typeof createServer> })
    const on = stage(t, origin.address)
    const [listener] = await on.supervisor.start(2, thread)
    const open = async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${(listener as PortListener).port}`)
      t.after(() => socket.terminate())
      await once(socket, 'open')
      return socket
    }
    const sockets = await Promise.all(Array.from({ length: count }, open))
    const { slot } = on.supervisor.snapshot.upstreams[0]!.servers[0]!
    const { servers } = on.scoreboard
    assert.deepEqual([servers.tunnels(slot), servers.inFlight(slot)], [count, count])
    return { ...on, sockets, slot, servers }
  }

  test('of a server are closed in all workers, and none of another slot', async (t) => {
    const { supervisor, sockets, slot, servers } = await opened(t, 20)
    const codes = sockets.map(async (socket) => (await once(socket, 'close'))[0])
    supervisor.closeTunnels(slot + 1, 0)
    supervisor.closeTunnels(slot, 100)
    assert.deepEqual(await Promise.all(codes), Array(20).fill(1012))
    await until(() => servers.inFlight(slot) === 0)
    assert.equal(servers.tunnels(slot), 0)
  })

  test('of a worker that dies are no longer counted, and those of the others are', async (t) => {
    const held = new HeldWorker()
    const { sockets, slot, servers } = await opened(t, 20, held.thread)
    const cut: WebSocket[] = []
    for (const socket of sockets) {
      socket.on('error', () => {})
      socket.on('close', () => cut.push(socket))
    }
    await held.thread.terminate()
    await until(() => servers.tunnels(slot) < 20 && servers.tunnels(slot) === 20 - cut.length)
    assert.equal(servers.inFlight(slot), servers.tunnels(slot))
  })
})
