/** Errors as clients see them: plain, distinct, and without a stack trace. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { ScriptedOrigin } from '../support/scripted-origin.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { throughTo } from '../support/through.ts'

test('each error has its own status, a short page with the request id, and a length', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end())
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    limits: { bodySize: 1kB, headSize: 1kB, headers: 10 }
    timeouts: { head: 300ms, body: 300ms }
    routes: [{ path: /only, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await sharedLimpet(config)
  const big = 'a'.repeat(1100)
  const cases: [string, number][] = [
    ['GET /\r\nHost: a\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\n\r\n', 400],
    ['GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n', 404],
    ['GET / HTTP/1.1\r\nHost:', 408],
    ['POST /only HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf', 408],
    ['POST /only HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n', 413],
    [`POST /only HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n44c\r\n${big}\r\n0\r\n\r\n`, 413],
    [`GET /${big} HTTP/1.1\r\n`, 414],
    ['GET /only HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n', 417],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${big}\r\n\r\n`, 431],
    [`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(11)}\r\n`, 431],
    ['POST /only HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 501],
    [`${big} / HTTP/1.1\r\n`, 501],
    ['CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 501],
    ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
  ]
  for (const [request, status] of cases) {
    const client = await RawClient.connect(t, limpet.port)
    client.say(request)
    const answer = await client.hear(/<\/html>\n$/)
    const [head = '', page = ''] = answer.split('\r\n\r\n')
    assert.match(head, new RegExp(`^HTTP/1.1 ${status} `), request)
    assert.match(head, new RegExp(`\r\nContent-Length: ${page.length}\\b`))
    const id = /\r\nX-Request-Id: ([0-9a-f]{32})/.exec(head)?.[1]
    assert.ok(id !== undefined && page.includes(id), page)
    assert.doesNotMatch(page, /\n\s+at |node:/)
  }
})

test('the page names what is not supported, and the log has its status', async (t) => {
  const { limpet, client } = await throughTo(t)
  client.say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n')
  const page = await client.hear(/<\/html>\n$/)
  assert.match(page, /not supported here: chunked is the only transfer coding that is understood here\./)
  await client.goodbye()
  await limpet.log.find(/"POST \/ HTTP\/1.1" 501 /)
})

test('a client that prefers JSON gets its errors in JSON', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end())
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /only, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await sharedLimpet(config)
  const client = await RawClient.connect(t, limpet.port)
  client.say('GET /x HTTP/1.1\r\nHost: a\r\nAccept: application/json, text/html;q=0.5\r\nX-Request-Id: mine\r\n\r\n')
  const [head = '', body = ''] = (await client.hear(/\}\n$/)).split('\r\n\r\n')
  assert.match(head, /\r\nContent-Type: application\/json\r\n/)
  assert.deepEqual(JSON.parse(body), {
    error: { status: 404, code: 'no-route', message: 'Nothing is served under this address', requestId: 'mine' },
  })
})

test('an error in response to HEAD has no body, and the connection stays open', async (t) => {
  const origin = await ScriptedOrigin.start(t)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /only, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await sharedLimpet(config)
  const client = await RawClient.connect(t, limpet.port)
  client.say('HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await client.take(/\r\n\r\n/), /^HTTP\/1.1 404 [\s\S]*\r\n\r\n$/)
  client.say('GET /only HTTP/1.1\r\nHost: a\r\n\r\n')
  await origin.request()
  origin.say('HTTP/1.1 204 No Content\r\n\r\n')
  assert.match(await client.take(/\r\n\r\n/), /^HTTP\/1.1 204 /)
})
