/** What a server gets of a request, and a client of a response. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { throughTo } from '../support/through.ts'

const DATE = 'Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n'

describe('a request on its way to the server', () => {
  test('keeps its Host and gets the forwarding headers', async (t) => {
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

  test('gets an id where it has none', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await origin.request(), /\r\nX-Request-Id: [0-9a-f]{32}\r\n/)
  })

  test('leaves behind what is for one hop, and what Connection names', async (t) => {
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

describe('a response on its way to the client', () => {
  test('keeps the Server and the Date of its origin, and loses what is for one hop', async (t) => {
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

  test('gets the Date that its origin has no clock for', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request()
    origin.say('HTTP/1.1 204 No Content\r\n\r\n')
    const date = /\r\nDate: (.*)\r\n/.exec(await client.hear(/\r\n\r\n/))?.[1]
    assert.ok(Math.abs(Date.parse(date!) - Date.now()) < 60_000)
  })

  test('without a length goes on in chunks, and the connection stays', async (t) => {
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

  test('in chunks becomes plain for an HTTP/1.0 client, whose connection then closes', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.0\r\n\r\n')
    assert.match(await origin.request(), new RegExp(`^GET / HTTP/1.1\r\nHost: ${origin.address}\r\n`))
    origin.say(`HTTP/1.1 200 OK\r\n${DATE}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)
    assert.equal(await client.goodbye(), `HTTP/1.1 200 OK\r\n${DATE}Connection: close\r\n\r\nhello`)
  })
})

test('connections to servers are used again, the last one first', async (t) => {
  let connections = 0
  const origin = await rawOrigin(t, (socket) => {
    connections++
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'one' }],
    upstreams: { one: { servers: [origin.address] } },
  })
  const client = await RawClient.connect(t, limpet.port)
  for (let i = 0; i < 20; i++) {
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.take(/ok$/)
  }
  assert.equal(connections, 1)
})

test('Connection takes away the fields that it names, but never Host; cookies, too, where Limpet has its own', async (t) => {
  for (const upstream of [{}, { affinity: { type: 'cookie' } }]) {
    const { client, origin } = await throughTo(t, {}, upstream)
    client.say('GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nCookie: a=b\r\nX-B: 2\r\n')
    client.say('Connection: x-a, host,cookie\r\nConnection:  X-C ,\r\nx-c: 3\r\nx-a: 4\r\n\r\n')
    const heard = await origin.request()
    assert.match(heard, /^GET \/ HTTP\/1\.1\r\nHost: a\r\nX-B: 2\r\nX-Forwarded-/)
  }
})
