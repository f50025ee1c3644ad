/** A drain ends with the last session, of users of Express and of Socket.IO, and `limpet drain --wait` says how. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { createServer } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import express from 'express'
import session from 'express-session'
import { WebSocket, WebSocketServer } from 'ws'
import { adminOf } from '../support/admin.ts'
import { type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { serverOf, settledUsers } from '../support/settled.ts'
import { connectUser, converse, SocketIoServers } from '../support/socket-io.ts'

/** In s. */
const IDLE = 2
/** From the end of the last session, in ms. */
const ENDS_WITHIN = 5000

const configOf = (affinity: string, addresses: readonly string[]) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { ${affinity}, idle: ${IDLE}s }
      servers: [${addresses.map((address, index) => `{ name: ${'abcd'[index]}, address: "${address}" }`)}]
`

/** Three servers of an Express application, each with its sessions in memory: `a`, `b` and `c`. Their addresses. */
function apps(t: TestContext): Promise<string[]> {
  const started = [...'abc'].map(async (name) => {
    const application = express()
    application.use(session({ secret: 'the same on every server', resave: false, saveUninitialized: true }))
    application.get('/', (_request, response) => void response.send(`${name} hello`))
    application.get('/logout', ({ session }, response) => {
      session.destroy(() => response.clearCookie('connect.sid').send(`${name} bye`))
    })
    return (await httpOrigin(t, application)).address
  })
  return Promise.all(started)
}

async function drain({ errors }: Limpet, ...options: string[]) {
  const [, socket] = await errors.find(/admin API answers on unix:(\S+)/)
  return runLimpet(['drain', 'app/a', ...options, '--socket', socket!])
}

/** Resolves once the drain of server `a` has ended, to the time in ms. */
async function endOf({ errors }: Limpet): Promise<number> {
  await errors.find(/server a is empty after/)
  return performance.now()
}

describe('a drain ends within 5 s of the last session', () => {
  for (const [name, affinity] of Object.entries({
    cookie: 'type: cookie, secrets: [the secret of this test]',
    learn: 'type: learn, from: "cookie:connect.sid"',
  })) {
    test(`that is idle, by ${name}; its users stay until then, and nobody new comes`, async (t) => {
      const limpet = await startLimpet(t, configOf(affinity, await apps(t)))
      const users = await settledUsers(limpet, 30)
      const own = [...users].filter(([, server]) => server === 'a').map(([user]) => user)
      assert.equal(own.length, 10)
      const waited = drain(limpet, '--wait', '--deadline', '10m')
      await limpet.errors.find(/server a drains/)
      let last = 0
      while (own.length > 0) {
        for (const user of own) assert.equal(await serverOf(user, limpet), 'a')
        last = performance.now()
        own.pop()
      }
      for (const server of (await settledUsers(limpet, 10)).values()) assert.notEqual(server, 'a')
      const end = await endOf(limpet)
      assert.ok(end - last <= (IDLE + 1) * 1000 + ENDS_WITHIN, `${end - last} ms after the last request`)
      const { code, stdout, stderr } = await waited
      assert.equal(code, 0, stdout + stderr)
    })
  }

  test('that logs out', async (t) => {
    const limpet = await startLimpet(
      t,
      configOf('type: learn, from: "cookie:connect.sid"', await apps(t)).replace(`idle: ${IDLE}s`, 'idle: 1h'),
    )
    const users = await settledUsers(limpet, 9)
    await drain(limpet)
    for (const [user, server] of users) if (server === 'a') await user.get(limpet.port, '/logout')
    const last = performance.now()
    assert.ok((await endOf(limpet)) - last <= ENDS_WITHIN)
  })

  test('of Socket.IO, by WebSocket and by long polling', async (t) => {
    const servers = await SocketIoServers.start(t, 3)
    const addresses = servers.origins.map(({ address }) => address)
    const limpet = await startLimpet(t, configOf('type: learn, from: socket.io', addresses))
    const ways = [['polling'], ['polling', 'websocket'], ['websocket']]
    const clients = await Promise.all(
      Array.from({ length: 18 }, (_, index) => connectUser(t, limpet.url, `user ${index}`, ways[index % 3]!)),
    )
    await drain(limpet)
    await Promise.all(clients.map((client, index) => converse(client, `user ${index}`, ways[index % 3]!)))
    const newcomers = servers.users[0]
    await connectUser(t, limpet.url, 'newcomer', ['websocket'])
    assert.equal(servers.users[0], newcomers)
    for (const client of clients) client.disconnect()
    const last = performance.now()
    assert.ok((await endOf(limpet)) - last <= (IDLE + 1) * 1000 + ENDS_WITHIN)
    assert.deepEqual(servers.refused, [])
  })
})

test('a drain that its deadline cuts: --wait exits with 1, and users have moved without an error', async (t) => {
  const limpet = await startLimpet(
    t,
    configOf('type: learn, from: "cookie:connect.sid"', await apps(t)).replace('2s', '1h'),
  )
  const users = await settledUsers(limpet, 9)
  const { code, stdout, stderr } = await drain(limpet, '--wait', '--deadline', '1s', '--then', 'move')
  assert.equal(code, 1, stdout + stderr)
  for (const [user, server] of users) {
    const now = await serverOf(user, limpet)
    if (server === 'a') assert.notEqual(now, 'a')
    else assert.equal(now, server)
  }
})

test('WebSockets of a removed server go on until the deadline of its drains, and then are closed as by a service restart', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const webSockets = new WebSocketServer({ server: origin.server as ReturnType<typeof createServer> })
  webSockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
  const limpet = await startLimpet(
    t,
    `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          drain: { deadline: 2s, spread: 0s }
          servers: [{ name: a, address: "${origin.address}" }, { name: b, address: "${origin.address}" }]
    `,
  )
  const sockets = [1, 2].map(() => new WebSocket(`ws://127.0.0.1:${limpet.port}/`))
  t.after(() => {
    for (const socket of sockets) socket.terminate()
  })
  await Promise.all(sockets.map((socket) => once(socket, 'open')))
  const closed = Promise.race(sockets.map(async (socket) => ({ socket, close: await once(socket, 'close') })))
  const ask = await adminOf(limpet)
  const removed = performance.now()
  assert.equal((await ask('DELETE', '/v1/upstreams/app/servers/a')).status, 200)
  const { socket, close } = await closed
  assert.ok(performance.now() - removed >= 2000)
  assert.equal(`${close[0]} ${close[1]}`, '1012 service restart')
  const [other] = sockets.filter((each) => each !== socket)
  other!.send('still there')
  assert.equal(String((await once(other!, 'message'))[0]), 'still there')
})
