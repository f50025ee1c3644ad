/** Connections that switch to another protocol: WebSocket and Socket.IO, with their own clients and servers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { connectUser, converse, SocketIoServers, waysToConnect } from '../support/socket-io.ts'
import { throughTo } from '../support/through.ts'

const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n'
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\nX-A: b\r\n\r\n'

describe('an upgraded connection', () => {
  test('carries all bytes of both sides, including those that arrive together with the heads', async (t) => {
    const { limpet, origin, client } = await throughTo(t)
    client.say(`${UPGRADE}early`)
    assert.match(await origin.request(), /\r\nConnection: upgrade\r\nUpgrade: test\r\n/)
    origin.say(`${SWITCHING}hello`)
    assert.equal(
      await client.take(/hello$/),
      'HTTP/1.1 101 Switching Protocols\r\nX-A: b\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\nhello',
    )
    await origin.request(/early$/)
    client.say('\x00\xffping')
    await origin.request(/\xffping$/)
    origin.say('pong')
    await client.take(/pong$/)
    client.socket.end()
    origin.end()
    await client.goodbye()
    await limpet.log.find(/"GET \/chat HTTP\/1.1" 101 9 /)
  })

  test('begins with HTTP/1.1, whatever version and reason the server writes', async (t) => {
    for (const line of ['HTTP/1.0 101 Switching Protocols', 'HTTP/1.0 101', 'HTTP/1.1 101']) {
      const { origin, client } = await throughTo(t)
      client.say(UPGRADE)
      await origin.request()
      origin.say(`${line}\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nhello`)
      const reason = line.slice('HTTP/1.0 101'.length).trim()
      assert.equal(
        await client.take(/hello$/),
        `HTTP/1.1 101 ${reason}\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\nhello`,
      )
      origin.say('on')
      await client.take(/on$/)
    }
  })

  test('is requested with all protocols that the client names, unless one of them is not forwarded', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say(UPGRADE.replace('Upgrade: test', 'Upgrade: test/2\r\nX: y\r\nUpgrade: test'))
    assert.match(await origin.request(), /\r\nX: y\r\nConnection: upgrade\r\nUpgrade: test\/2, test\r\n/)
    origin.say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.take(/ok$/)
    client.say(UPGRADE.replace('Upgrade: test', 'Upgrade: test\r\nUpgrade: h2c'))
    assert.doesNotMatch(await origin.request(), /upgrade/i)
  })

  for (const first of ['client', 'server'] as const) {
    test(`can be half closed by the ${first}, and stays open in the other direction`, async (t) => {
      const { limpet, origin, client } = await throughTo(t)
      client.say(UPGRADE)
      await origin.request()
      origin.say(SWITCHING)
      await client.take(/\r\n\r\n$/)
      if (first === 'client') {
        client.socket.end()
        await once(origin.socket, 'end')
        origin.say('still here')
        await client.hear(/still here$/)
        origin.end()
      } else {
        origin.end()
        await client.goodbye()
        client.say('still here')
        await origin.request(/still here$/)
        client.socket.end()
      }
      await limpet.log.find(/ 101 /)
    })
  }

  test('is closed when both sides have been silent for too long', async (t) => {
    const { origin, client } = await throughTo(t, {}, { timeouts: { tunnel: '200ms' } })
    client.say(UPGRADE)
    await origin.request()
    origin.say(SWITCHING)
    await client.goodbye()
  })

  test('is broken off on one side when the other side breaks off', async (t) => {
    const { origin, client, limpet } = await throughTo(t)
    client.say(UPGRADE)
    await origin.request()
    origin.say(SWITCHING)
    await client.hear(/\r\n\r\n$/)
    origin.reset()
    await client.goodbye()
    assert.doesNotMatch(limpet.errors.all.join('\n'), /suspended/)
  })

  test('may be refused by the server, and the connection stays HTTP', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say(UPGRADE)
    await origin.request()
    origin.say('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno')
    await client.take(/no$/)
    client.say('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request(/next/)
  })

  test('is not requested for a protocol that would carry requests past the proxy', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say(
      UPGRADE.replace('Upgrade: test', 'Upgrade: h2c\r\nHTTP2-Settings: AA').replace(
        'Connection: Upgrade',
        'Connection: Upgrade, HTTP2-Settings',
      ),
    )
    assert.doesNotMatch(await origin.request(), /upgrade|http2-settings/i)
  })

  test('is a 502 if the client did not ask for it', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request()
    origin.say(SWITCHING)
    await client.hear(/^HTTP\/1.1 502 /)
  })
})

test('WebSockets echo large and small messages, a hundred at a time', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end())
  const server = new WebSocketServer({ server: origin.server as ReturnType<typeof createServer> })
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: all }]
    upstreams: { all: { servers: [${origin.address}] } }
  `
  const limpet = await startLimpet(t, config)
  const user = async (index: number) => {
    const socket = new WebSocket(limpet.url.replace('http', 'ws'))
    t.after(() => socket.terminate())
    await once(socket, 'open')
    for (const size of [1, 125, 126, 65_536, 1_000_000]) {
      const message = Buffer.alloc(size, index)
      socket.send(message)
      const [echo] = await once(socket, 'message')
      assert.ok(message.equals(echo))
    }
    socket.close()
    await once(socket, 'close')
  }
  await Promise.all(Array.from({ length: 100 }, (_, index) => user(index)))
})

describe('Socket.IO on three servers, sticky by address', () => {
  for (const [way, transports] of Object.entries(waysToConnect)) {
    test(`serves a hundred clients ${way}, and no session reaches a wrong server`, async (t) => {
      const servers = await SocketIoServers.start(t, 3)
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 2
        routes: [{ path: /*, upstream: all }]
        upstreams:
          all:
            balance: ip-hash
            servers: [${servers.origins.map(({ address }) => address)}]
      `
      const limpet = await startLimpet(t, config)
      const names = Array.from({ length: 100 }, (_, index) => `user ${index}`)
      const clients = await Promise.all(
        names.map(async (name) => {
          const client = await connectUser(t, limpet.url, name, transports)
          await converse(client, name, transports)
          return client
        }),
      )
      assert.deepEqual(servers.refused, [])
      const gone = names.map((name) => servers.departure(name))
      for (const client of clients) client.disconnect()
      await Promise.all(gone)
    })
  }
})
