/** What a server gets of a request, and a client of a response. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { ScriptedOrigin } from '../support/scripted-origin.ts'
import { throughTo } from '../support/through.ts'

const DATE = 'Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n'

describe('a request, as the server gets it', () => {
  test('keeps its Host and has the forwarding headers', async (t) => {
    const { limpet, origin, client } = await throughTo(t)
    client.say(
      'GET /a?b HTTP/1.1\r\nHost: Shop.example:8080\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Request-Id: abc\r\n\r\n',
    )
    const got = await origin.request()
    assert.equal(
      got,
      `GET /a?b HTTP/1.1\r\nHost: Shop.example:8080\r\nX-Forwarded-For: 1.2.3.4, 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: ${limpet.port}\r\nX-Request-Id: abc\r\nX-Forwarded-Host: Shop.example:8080\r\n\r\n`,
    )
  })

  test('has a new id if the client sent none', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await origin.request(), /\r\nX-Request-Id: [0-9a-f]{32}\r\n/)
  })

  test('lacks hop-by-hop headers and those that Connection names', async (t) => {
    const { limpet, origin, client } = await throughTo(t)
    client.say(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Hop, Host\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Connection: keep-alive\r\nX-Request-Id: i\r\nX-End: 2\r\n\r\n',
    )
    assert.equal(
      await origin.request(),
      `GET / HTTP/1.1\r\nHost: a\r\nX-End: 2\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: ${limpet.port}\r\nX-Request-Id: i\r\nX-Forwarded-Host: a\r\n\r\n`,
    )
  })
})

describe('a response, as the client gets it', () => {
  test('keeps the Server and the Date of its origin, and lacks hop-by-hop headers', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request()
    origin.say(
      'HTTP/1.1 200 Fine\r\nServer: mine\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nhi',
    )
    assert.equal(
      await client.hear(/hi$/),
      'HTTP/1.1 200 Fine\r\nServer: mine\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nhi',
    )
  })

  test('has a Date if its origin sent none', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request()
    origin.say('HTTP/1.1 204 No Content\r\n\r\n')
    const date = /\r\nDate: (.*)\r\n/.exec(await client.hear(/\r\n\r\n/))?.[1]
    assert.ok(Math.abs(Date.parse(date!) - Date.now()) < 60_000)
  })

  test('that had no length is sent in chunks, and the connection stays open', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request()
    origin.say(`HTTP/1.0 200 OK\r\n${DATE}\r\nhello`)
    origin.end()
    assert.equal(
      await client.hear(/0\r\n\r\n$/),
      `HTTP/1.1 200 OK\r\n${DATE}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    )
  })

  test('that had chunks is sent without them to an HTTP/1.0 client, whose connection then closes', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.0\r\n\r\n')
    assert.match(await origin.request(), new RegExp(`^GET / HTTP/1.1\r\nHost: ${origin.address}\r\n`))
    origin.say(`HTTP/1.1 200 OK\r\n${DATE}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)
    assert.equal(await client.goodbye(), `HTTP/1.1 200 OK\r\n${DATE}Connection: close\r\n\r\nhello`)
  })
})

test('a connection to a server is reused', async (t) => {
  let connections = 0
  const origin = await rawOrigin(t, (socket) => {
    connections++
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  for (let i = 0; i < 20; i++) {
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.take(/ok$/)
  }
  assert.equal(connections, 1)
})

for (const [name, affinity] of Object.entries({
  'without an affinity': '',
  'with affinity: cookie': 'affinity: cookie',
})) {
  test(`Connection removes the fields that it names, Cookie among them, but not Host, ${name}`, async (t) => {
    const origin = await ScriptedOrigin.start(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}], ${affinity} } }
    `
    const limpet = await startLimpet(t, config)
    const client = await RawClient.connect(t, limpet.port)
    client.say('GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nCookie: a=b\r\nX-B: 2\r\n')
    client.say('Connection: x-a, host,cookie\r\nConnection:  X-C ,\r\nx-c: 3\r\nx-a: 4\r\n\r\n')
    const heard = await origin.request()
    assert.match(heard, /^GET \/ HTTP\/1\.1\r\nHost: a\r\nX-B: 2\r\nX-Forwarded-/)
  })
}
