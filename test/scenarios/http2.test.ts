/** Clients that speak HTTP/2: what holds for a request of HTTP/1.1 holds for a stream. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { Http2User, responseOn } from '../support/http2-user.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { onLinux, upgrade } from '../support/upgraded.ts'
import { closeFrame, frame, KEY } from '../support/websocket-frames.ts'

describe('a stream', () => {
  test('has its session, and all streams of a connection have their own', async (t) => {
    const one = await httpOrigin(t, (_, response) => response.end('one'))
    const two = await httpOrigin(t, (_, response) => response.end('two'))
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { affinity: { type: cookie, name: seat }, servers: [${one.address}, ${two.address}] } }
    `,
    )
    const user = Http2User.of(t, limpet.url)
    const first = await Promise.all([user.ask(), user.ask()])
    assert.deepEqual(first.map(({ body }) => body).sort(), ['one', 'two'])
    for (const { fields, body } of first) {
      const cookie = String(fields['set-cookie']).split(';')[0]!
      const again = await Promise.all([1, 2, 3].map(() => user.ask({ cookie })))
      assert.deepEqual(
        again.map((response) => response.body),
        [body, body, body],
      )
    }
    assert.equal(user.connections, 1)
  })

  test('is tried again on another server, while others on its connection go on', async (t) => {
    const good = await httpOrigin(t, (_, response) => response.end('good'))
    const bad = await httpOrigin(t, (request) => request.socket.destroy())
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${good.address}, { address: ${bad.address}, maxFails: 0 }] } }
    `,
    )
    const user = Http2User.of(t, limpet.url)
    const responses = await Promise.all(Array.from({ length: 20 }, () => user.ask()))
    assert.ok(responses.every(({ status, body }) => status === 200 && body === 'good'))
    assert.equal((await limpet.log.matching(/"GET \/ HTTP/, 20)).length, 20)
  })

  test('HTTP/1.1 goes on on the same listener, also where its first byte is that of the preface', async (t) => {
    const origin = await httpOrigin(t, ({ method, url }, response) => response.end(`<${method} ${url}>`))
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}] } }
    `,
    )
    const client = await RawClient.connect(t, limpet.port)
    client.get('/a')
    await client.take(/<GET \/a>$/)
    const other = await RawClient.connect(t, limpet.port)
    other.say('P')
    await pause(20)
    other.say('UT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
    await other.take(/<PUT \/b>$/)
    assert.equal((await Http2User.of(t, limpet.url).ask({ ':path': '/c' })).body, '<GET /c>')
  })

  test('a client reads slowly on one stream, and quickly on another', async (t) => {
    const large = 'x'.repeat(4_000_000)
    const origin = await httpOrigin(t, ({ url }, response) => response.end(url === '/large' ? large : 'small'))
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}] } }
    `,
    )
    const user = Http2User.of(t, limpet.url)
    const slow = user.begin({ ':path': '/large' })
    await once(slow, 'response')
    for (let i = 0; i < 20; i++) assert.equal((await user.ask()).body, 'small')
    assert.equal((await responseOn(slow).catch(() => undefined))?.body.length, undefined)
  })
})

describe('a connection ends without a lost request', () => {
  test('after as many requests as are allowed', async (t) => {
    const origin = await httpOrigin(t, (_, response) => response.end('here'))
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      limits: { requestsPerConnection: 10 }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}] } }
    `,
    )
    const user = Http2User.of(t, limpet.url)
    for (let i = 0; i < 50; i++) assert.equal((await user.ask()).body, 'here')
    assert.ok(user.connections >= 4 && user.connections <= 5, `${user.connections} connections`)
    assert.ok(user.goAways.every((code) => code === 0))
  })

  test('when it has been idle for too long', async (t) => {
    const origin = await httpOrigin(t, (_, response) => response.end('here'))
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      timeouts: { idle: 300ms }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}] } }
    `,
    )
    const user = Http2User.of(t, limpet.url)
    await user.ask()
    await once(user.session, 'close')
    assert.deepEqual(user.goAways, [0])
    assert.equal((await user.ask()).body, 'here')
  })

  test('when the program stops: what is in flight is finished, and the program ends', async (t) => {
    const asked = Promise.withResolvers<ServerResponse>()
    const origin = await httpOrigin(t, ({ url }, response) => {
      if (url === '/slow') asked.resolve(response)
      else response.end('quick')
    })
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}] } }
    `,
    )
    const idle = Http2User.of(t, limpet.url)
    await idle.ask()
    const user = Http2User.of(t, limpet.url)
    const slow = user.begin({ ':path': '/slow' })
    const response = await asked.promise
    limpet.process.kill('SIGTERM')
    await once(user.session, 'goaway')
    response.end('slow')
    assert.equal((await responseOn(slow)).body, 'slow')
    assert.equal(await limpet.exit, 0)
    assert.ok([...user.goAways, ...idle.goAways].every((code) => code === 0))
    assert.ok(idle.goAways.length > 0)
  })

  test('when the program is replaced under load', onLinux, async (t) => {
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      workers: 2
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${await steadyOrigin(t)}] } }
    `,
    )
    const users = Array.from({ length: 10 }, () => Http2User.of(t, limpet.url))
    let answered = 0
    let isOver = false
    const running = users.flatMap((user) =>
      Array.from({ length: 5 }, async () => {
        while (!isOver) {
          assert.equal((await user.ask()).body, 'here.')
          answered++
        }
      }),
    )
    const answers = async (more: number) => {
      for (const goal = answered + more; answered < goal; ) await pause(1)
    }
    for (let turn = 0; turn < 3; turn++) {
      await answers(500)
      await upgrade(t, limpet)
    }
    await answers(500)
    isOver = true
    await Promise.all(running)
    assert.ok(users.every(({ connections }) => connections > 1))
    assert.ok(users.every(({ goAways }) => goAways.every((code) => code === 0)))
    assert.equal(await limpet.exit, 0)
  })
})

describe('a WebSocket over HTTP/2 (RFC 8441)', () => {
  /** Servers that greet, and echo what they hear. */
  async function start(t: TestContext) {
    const accepted = Promise.withResolvers<Socket>()
    const asked = Promise.withResolvers<IncomingMessage>()
    const origin = await httpOrigin(t, (_, response) => response.end('no'))
    origin.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
      socket.write(
        Buffer.concat([
          Buffer.from('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
          frame('welcome'),
        ]),
      )
      asked.resolve(request)
      accepted.resolve(socket)
    })
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}] } }
    `,
    )
    const user = Http2User.of(t, limpet.url)
    await once(user.session, 'remoteSettings')
    return { limpet, origin, user, accepted: accepted.promise, asked: asked.promise }
  }

  const CONNECT = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': '/chat',
    ':authority': 'a',
  }

  test('is an Upgrade for its server; frames pass both ways, and each side ends for itself', async (t) => {
    const { user, accepted, asked, limpet } = await start(t)
    const stream = user.begin({ ...CONNECT, 'sec-websocket-version': '13' }, true)
    const [fields] = await once(stream, 'response')
    assert.equal(fields[':status'], 200)
    const { method, url, headers } = await asked
    assert.deepEqual(
      [method, url, headers.upgrade, headers['sec-websocket-version']],
      ['GET', '/chat', 'websocket', '13'],
    )
    assert.equal(Buffer.from(String(headers['sec-websocket-key']), 'base64').length, 16)
    const [greeting] = await once(stream, 'data')
    assert.deepEqual(greeting, frame('welcome'))
    const socket = await accepted
    stream.write(frame('hello', { key: KEY }))
    const [heard] = await once(socket, 'data')
    assert.deepEqual(heard, frame('hello', { key: KEY }))
    stream.end(closeFrame(1000, '', KEY))
    const [closing] = await once(socket, 'data')
    assert.deepEqual(closing, closeFrame(1000, '', KEY))
    await once(socket, 'end')
    const last = once(stream, 'data')
    socket.end(closeFrame(1000))
    assert.deepEqual((await last)[0], closeFrame(1000))
    await once(stream, 'close')
    assert.equal(stream.rstCode, 0)
    await limpet.log.find(/"GET \/chat HTTP\/\S+" 101 /)
  })

  test('has one key for its server, whatever the client sends, and none for the client', async (t) => {
    const { limpet, origin, user } = await start(t)
    origin.server.removeAllListeners('upgrade')
    const keys: unknown[] = []
    const sockets = new WebSocketServer({ server: origin.server as Server })
    sockets.on('connection', (socket, request) => {
      keys.push(request.headers['sec-websocket-key'])
      socket.on('message', (data) => socket.send(data))
    })
    const proof = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-accept': 'x' }
    const stream = user.begin({ ...CONNECT, 'sec-websocket-version': '13', ...proof }, true)
    const [fields] = await once(stream, 'response')
    assert.deepEqual([fields[':status'], fields['sec-websocket-accept']], [200, undefined])
    assert.equal(keys.length, 1)
    assert.equal(Buffer.from(String(keys[0]), 'base64').length, 16)
    assert.notEqual(keys[0], proof['sec-websocket-key'])
    const [heard] = await Promise.all([once(stream, 'data'), stream.write(frame('hello', { key: KEY }))])
    assert.deepEqual(heard[0], frame('hello'))
    stream.close()
    await limpet.log.find(/"GET \/chat HTTP\/\S+" 101 /)
  })

  test('is not there for a client whose server does not switch', async (t) => {
    const { origin, user } = await start(t)
    origin.server.removeAllListeners('upgrade')
    const stream = user.begin(CONNECT, true)
    const [fields] = await once(stream, 'response')
    assert.equal(fields[':status'], 502)
  })
})
