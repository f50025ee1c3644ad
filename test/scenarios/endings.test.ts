/** How connections end, and what happens to the exchanges on them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** One server, and the defaults. */
const oneServer = (origin: Origin) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${origin.address}] } }
`

describe('a connection to a server', () => {
  test('that was paused for a client that does not read serves the next exchange', async (t) => {
    const interim = `HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(20_000)}>\r\n\r\n`
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n'.concat('y'.repeat(20_000))
    const origin = await rawOrigin(t, (socket) =>
      socket.on('data', (bytes) => {
        const requests = bytes.toString('latin1').match(/\r\n\r\n/g)?.length ?? 0
        for (let i = 0; i < requests; i++) socket.write(interim + answer)
      }),
    )
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [{ address: ${origin.address}, maxConnections: 2 }], queue: { size: 0 } } }
    `
    const limpet = await startLimpet(t, config)
    const clients = await Promise.all([1, 2].map(() => RawClient.connect(t, limpet.port)))
    for (const client of clients) {
      client.socket.pause()
      client.say(GET.repeat(400))
    }
    await limpet.log.matching(/ 200 20000 /, 2)
    for (const client of clients) client.socket.resetAndDestroy()
    const other = await RawClient.connect(t, limpet.port)
    for (let i = 0; i < 5; i++) {
      other.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
      assert.match(await other.take(/\r\n\r\ny{20000}$/), /HTTP\/1.1 200 OK/)
    }
    limpet.process.kill('SIGTERM')
    other.socket.end()
    assert.equal(await limpet.exit, 0)
  })

  for (const [name, pipelined] of Object.entries({ pipelined: true, 'one after the other': false })) {
    test(`that the server closed after its answer is not used for a POST, ${name}`, async (t) => {
      const origin = await rawOrigin(t, (socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')),
      )
      const limpet = await startLimpet(t, oneServer(origin))
      for (let i = 0; i < 50; i++) {
        const client = await RawClient.connect(t, limpet.port)
        const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'
        client.say(pipelined ? GET + post : GET)
        if (!pipelined) {
          await client.hear(/ok$/)
          client.say(post)
        }
        assert.doesNotMatch(await client.hear(/ok[\s\S]*ok$|<\/html>/), / 502 /)
        client.socket.destroy()
      }
      assert.doesNotMatch(limpet.errors.all.join('\n'), /suspended/)
    })
  }
})

test('interim answers that arrive together are passed on before the answer, even if that is malformed', async (t) => {
  const interim = 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(500)
  const answers = { '/good': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', '/bad': 'nonsense\r\n\r\n' }
  const origin = await rawOrigin(t, (socket) =>
    socket.on('data', (bytes) => {
      const [, path] = bytes.toString('latin1').split(' ')
      socket.write(interim + answers[path as keyof typeof answers])
    }),
  )
  const limpet = await startLimpet(t, oneServer(origin))
  const client = await RawClient.connect(t, limpet.port)
  client.say('GET /good HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await client.take(/ok$/)).match(/HTTP\/1.1 102 /g)?.length, 500)
  client.say('GET /bad HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await client.take(/<\/html>\s$/), /^(HTTP\/1.1 102 Processing\r\n\r\n){500}HTTP\/1.1 502 /)
  client.say('GET /good HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await client.take(/ok$/), /^(HTTP\/1.1 102 Processing\r\n\r\n){500}HTTP\/1.1 200 /)
})

describe('a client that closes its sending half', () => {
  test('has left: the request to the server ends, its place is free, and the log says 499', async (t) => {
    const held: Socket[] = []
    const origin = await httpOrigin(t, (request, response) => {
      if (request.url === '/slow') held.push(request.socket)
      else response.end('quick')
    })
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [{ address: ${origin.address}, maxConnections: 4 }], queue: { size: 0 } } }
    `
    const limpet = await startLimpet(t, config)
    const leavers = await Promise.all([1, 2, 3, 4].map(() => RawClient.connect(t, limpet.port)))
    for (const client of leavers) client.say('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    while (held.length < 4) await once(origin.server, 'request')
    const closed = held.map((socket) => once(socket, 'close'))
    for (const client of leavers) client.socket.end()
    await limpet.log.matching(/"GET \/slow HTTP\/1.1" 499 /, 4)
    await Promise.all(closed)
    const next = await RawClient.connect(t, limpet.port)
    next.say(GET)
    assert.match(await next.hear(/quick$/), /^HTTP\/1.1 200 /)
  })

  test('in the middle of a stream has left, too', async (t) => {
    const origin = await httpOrigin(t, (_request, response) => {
      response.write('data: first\n\n')
    })
    const limpet = await startLimpet(t, oneServer(origin))
    const client = await RawClient.connect(t, limpet.port)
    client.say('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.hear(/first/)
    client.socket.end()
    await limpet.log.matching(/"GET \/events HTTP\/1.1" 499 /, 1)
  })

  test('after pipelined requests has left, too', async (t) => {
    const origin = await httpOrigin(t, () => {})
    const limpet = await startLimpet(t, oneServer(origin))
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET + GET)
    client.socket.end()
    await limpet.log.matching(/ 499 /, 1)
  })

  test('and stays gets its answer within timeouts.halfClosed, or at any time if that is 0', async (t) => {
    const origin = await httpOrigin(t, (_request, response) => void setTimeout(() => response.end('late'), 300))
    for (const [halfClosed, answer] of [
      ['5s', /late$/],
      [0, /late$/],
      ['50ms', /^$/],
    ] as const) {
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 1
        timeouts: { halfClosed: ${halfClosed} }
        routes: [{ path: /*, upstream: app }]
        upstreams: { app: { servers: [${origin.address}] } }
      `
      const limpet = await startLimpet(t, config)
      const client = await RawClient.connect(t, limpet.port)
      client.say(GET)
      client.socket.end()
      assert.match(await client.goodbye(), answer)
    }
  })
})

describe('a response that breaks off', () => {
  const MILLION = 'x'.repeat(1_000_000)

  for (const [framing, head] of Object.entries({
    'by its length': 'HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n',
    'by its chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1e8480\r\n',
  })) {
    test(`is recognised ${framing}: a slow client gets all that the server sent, and then the end`, async (t) => {
      const origin = await rawOrigin(t, (socket) => socket.once('data', () => socket.end(head + MILLION)))
      const limpet = await startLimpet(t, oneServer(origin))
      const client = await RawClient.connect(t, limpet.port)
      const failed = once(client.socket, 'error').then(() => assert.fail('the connection was reset'))
      client.socket.pause()
      client.say(GET)
      await limpet.log.matching(/"GET \/ /, 0)
      await Promise.race([once(origin.server, 'connection'), failed])
      client.socket.resume()
      const heard = await Promise.race([client.goodbye(), failed])
      assert.equal(heard.match(/x+$/)?.[0].length, MILLION.length)
    })
  }

  test('is a reset if a close would look like a complete response: HTTP/1.0 without a length', async (t) => {
    const origin = await rawOrigin(t, (socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      }),
    )
    const limpet = await startLimpet(t, oneServer(origin))
    const client = await RawClient.connect(t, limpet.port)
    const reset = once(client.socket, 'error')
    client.say('GET / HTTP/1.0\r\n\r\n')
    await client.hear(/half$/)
    await origin.kill()
    const [error] = await reset
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
  })

  test('because the client does not read is a reset', async (t) => {
    const origin = await httpOrigin(t, (_request, response) => void response.end(Buffer.alloc(64 * 1024 * 1024)))
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      timeouts: { send: 300ms }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}] } }
    `
    const limpet = await startLimpet(t, config)
    const client = await RawClient.connect(t, limpet.port)
    const reset = once(client.socket, 'error')
    client.socket.pause()
    client.say('GET / HTTP/1.0\r\n\r\n')
    await limpet.log.matching(/"GET \/ HTTP\/1.0" 499 /, 1)
    client.socket.resume()
    const [error] = await reset
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
  })
})
