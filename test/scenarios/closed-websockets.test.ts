/** WebSockets that Limpet closes, as the usual clients see it: `ws` and Socket.IO, with servers of the same kind. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { createServer } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { io } from 'socket.io-client'
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import { startDataPlane } from '../support/data-plane.ts'
import { httpOrigin } from '../support/origin.ts'
import { SocketIoServers } from '../support/socket-io.ts'

/** A server that echoes messages, and remembers how each of its WebSockets was closed. */
async function echoServer(t: TestContext, options: ServerOptions = {}) {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const server = new WebSocketServer({ ...options, server: origin.server as ReturnType<typeof createServer> })
  const closes: string[] = []
  const changes = new EventEmitter()
  server.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }))
    socket.on('close', (code, reason) => {
      closes.push(`${code} ${reason}`)
      changes.emit('close')
    })
  })
  return {
    address: origin.address,
    sockets: server.clients as ReadonlySet<WebSocket>,
    /** Resolves once that many were closed, to how. */
    async closed(count: number): Promise<readonly string[]> {
      while (closes.length < count) await once(changes, 'close')
      return closes
    },
  }
}

async function openSocket(t: TestContext, port: number, path = '/'): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  t.after(() => socket.terminate())
  await once(socket, 'open')
  return socket
}

/** How a client saw its WebSocket close. */
async function closeOf(socket: WebSocket): Promise<string> {
  const [code, reason] = await once(socket, 'close')
  return `${code} ${reason}`
}

const RESTART = '1012 service restart'

describe('a closed WebSocket', () => {
  for (const perMessageDeflate of [false, true]) {
    test(`is a service restart for client and server, with messages ${perMessageDeflate ? 'compressed' : 'as they are'}`, async (t) => {
      const server = await echoServer(t, { perMessageDeflate })
      const plane = await startDataPlane(
        t,
        `
        listeners: [{ address: 127.0.0.1, port: 8080 }]
        routes: [{ path: /*, upstream: app }]
        upstreams: { app: { servers: [${server.address}] } }
      `,
      )
      const sockets = await Promise.all(Array.from({ length: 50 }, () => openSocket(t, plane.port)))
      assert.deepEqual([plane.scoreboard.servers.tunnels(0), plane.scoreboard.servers.inFlight(0)], [50, 50])
      const echo = once(sockets[0]!, 'message')
      sockets[0]!.send('x'.repeat(100_000))
      await echo
      const closes = sockets.map(closeOf)
      plane.closeTunnels(0, 100)
      assert.deepEqual(await Promise.all(closes), Array(50).fill(RESTART))
      assert.deepEqual(await server.closed(50), Array(50).fill(RESTART))
      await plane.idle(0)
      assert.equal(plane.scoreboard.servers.tunnels(0), 0)
    })
  }

  test('has had whole messages only, while its server is sending all the time', async (t) => {
    const server = await echoServer(t)
    const plane = await startDataPlane(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 8080 }]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server.address}] } }
    `,
    )
    const sockets = await Promise.all(Array.from({ length: 10 }, () => openSocket(t, plane.port)))
    const message = Buffer.alloc(300_000, 'x')
    const closes = sockets.map((socket) => {
      socket.on('message', (data) => assert.ok(message.equals(data as Buffer)))
      return closeOf(socket)
    })
    const flowing = sockets.map((socket) => once(socket, 'message'))
    for (const socket of server.sockets) {
      const send = () => {
        if (socket.readyState === WebSocket.OPEN) socket.send(message, () => send())
      }
      send()
    }
    await Promise.all(flowing)
    plane.closeTunnels(0, 0)
    assert.deepEqual(await Promise.all(closes), Array(10).fill(RESTART))
    assert.deepEqual(await server.closed(10), Array(10).fill(RESTART))
    await plane.idle(0)
  })

  test('may be of a server that was removed, or of an upstream that was; others stay', async (t) => {
    const [kept, removed, gone] = await Promise.all([echoServer(t), echoServer(t), echoServer(t)])
    const plane = await startDataPlane(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 8080 }]
      routes:
        - { path: /gone, upstream: gone }
        - { path: /*, upstream: app }
      upstreams:
        app: { servers: [{ name: kept, address: "${kept.address}" }, { name: removed, address: "${removed.address}" }] }
        gone: { servers: [{ name: gone, address: "${gone.address}" }] }
    `,
    )
    const [onKept, onRemoved, onGone] = [
      await openSocket(t, plane.port),
      await openSocket(t, plane.port),
      await openSocket(t, plane.port, '/gone'),
    ]
    const tunnels = () => [0, 1, 2].map((slot) => plane.scoreboard.servers.tunnels(slot))
    assert.deepEqual(tunnels(), [1, 1, 1])
    await plane.apply(`
      listeners: [{ address: 127.0.0.1, port: 8080 }]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [{ name: kept, address: "${kept.address}" }] } }
    `)
    assert.deepEqual(tunnels(), [1, 1, 1])
    const closes = [closeOf(onRemoved), closeOf(onGone)]
    plane.closeTunnels(1, 0)
    plane.closeTunnels(2, 0)
    assert.deepEqual(await Promise.all(closes), [RESTART, RESTART])
    await Promise.all([plane.idle(1), plane.idle(2)])
    assert.deepEqual(tunnels(), [1, 0, 0])
    onKept.send('still here')
    assert.equal(String((await once(onKept, 'message'))[0]), 'still here')
  })
})

test('a Socket.IO client connects again, to the same server or another, and goes on', async (t) => {
  const servers = await SocketIoServers.start(t, 2)
  const plane = await startDataPlane(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 8080 }]
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: learn, from: socket.io }
        servers: [${servers.origins.map(({ address }) => address)}]
  `,
  )
  const clients = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      const client = io(`http://127.0.0.1:${plane.port}`, {
        transports: ['websocket'],
        forceNew: true,
        reconnectionDelay: 1,
        reconnectionDelayMax: 20,
        auth: { user: `user ${index}` },
      })
      t.after(() => client.disconnect())
      await once(client as unknown as EventEmitter, 'connect')
      return client
    }),
  )
  const { servers: counters } = plane.scoreboard
  assert.equal(counters.tunnels(0) + counters.tunnels(1), 10)
  const losses = clients.map((client) => once(client as unknown as EventEmitter, 'disconnect'))
  const returns = clients.map((client) => once(client as unknown as EventEmitter, 'connect'))
  plane.closeTunnels(0, 50)
  plane.closeTunnels(1, 50)
  for (const [reason, details] of await Promise.all(losses)) {
    assert.equal(reason, 'transport close')
    assert.equal(details.context.code, 1012)
  }
  await Promise.all(returns)
  for (const client of clients) assert.equal(await client.emitWithAck('say', 'hello'), 'hello heard')
  assert.deepEqual(servers.refused, [])
  assert.equal(counters.tunnels(0) + counters.tunnels(1), 10)
})
