/** How much a client may ask for, and how long it may take. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { throughTo } from '../support/through.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok'

function okServer(test: TestContext): Promise<Origin> {
  return httpOrigin(test, (_request, response) => response.end('ok'))
}

async function served(client: RawClient): Promise<boolean> {
  client.say(GET)
  return (await client.take(/\r\n\r\n/)).startsWith('HTTP/1.1 200 ')
}

describe('connections', () => {
  test('are refused beyond limits.connections, which counts those of all workers', async (t) => {
    const { address } = await okServer(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${address}] } }
      limits: { connections: 5 }
    `
    const limpet = await sharedLimpet(config)
    const clients: RawClient[] = []
    for (let i = 0; i < 5; i++) {
      const client = await RawClient.connect(t, limpet.port)
      assert.ok(await served(client))
      clients.push(client)
    }
    const sixth = await RawClient.connect(t, limpet.port)
    assert.match(await sixth.goodbye(), /^HTTP\/1.1 503 [\s\S]*\r\nRetry-After: /)
    assert.ok(await served(clients[0]!))
    await limpet.log.find(/ "-" 503 \d+ "-" "-" - - /)
  })

  test('are refused to an address beyond limits.connectionsPerAddress, and not to other addresses', async (t) => {
    const { address } = await okServer(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${address}] } }
      limits: { connectionsPerAddress: 3 }
    `
    const limpet = await sharedLimpet(config)
    for (let i = 0; i < 3; i++) assert.ok(await served(await RawClient.connect(t, limpet.port, '127.0.0.5')))
    const fourth = await RawClient.connect(t, limpet.port, '127.0.0.5')
    assert.match(await fourth.goodbye(), /^HTTP\/1.1 503 /)
    assert.ok(await served(await RawClient.connect(t, limpet.port, '127.0.0.6')))
  })

  test('are accepted again once others have closed', async (t) => {
    const { address } = await okServer(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${address}] } }
      limits: { connections: 3 }
    `
    const limpet = await sharedLimpet(config)
    for (let i = 0; i < 20; i++) {
      const client = await RawClient.connect(t, limpet.port)
      client.say(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
      assert.match(await client.goodbye(), /^HTTP\/1.1 200 /)
      client.socket.end()
      await client.closed()
    }
  })

  test('are closed after limits.requestsPerConnection requests', async (t) => {
    const { address } = await okServer(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${address}] } }
      limits: { requestsPerConnection: 2 }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    assert.doesNotMatch(await client.take(/ok$/), /Connection: close/)
    client.say(GET)
    assert.match(await client.goodbye(), /\r\nConnection: close\r\n/)
  })

  test('that are silent for too long are closed, before the first request and between two', async (t) => {
    const { limpet, origin, client } = await throughTo(t, { timeouts: { head: '200ms', idle: '200ms' } })
    const silent = await RawClient.connect(t, limpet.port)
    assert.equal(await silent.goodbye(), '')
    const later = await RawClient.connect(t, limpet.port)
    later.say(GET)
    await origin.request()
    origin.say(OK)
    assert.equal(await later.goodbye(), OK)
    assert.equal(await client.goodbye(), '')
  })
})

test('a client that reads nothing of its answer is disconnected, and its server is released', async (t) => {
  const endless = await httpOrigin(t, (_request, response) => {
    const more = () => {
      while (response.write(Buffer.alloc(65_536))) {}
    }
    response.on('drain', more)
    more()
  })
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: one }]
    upstreams: { one: { servers: [${endless.address}] } }
    timeouts: { send: 300ms }
  `
  const limpet = await sharedLimpet(config)
  const client = await RawClient.connect(t, limpet.port)
  client.socket.pause()
  client.say(GET)
  await limpet.log.find(/"GET \/ HTTP\/1.1" \d+ /)
})

test('a small body that arrives slowly occupies no server until it is complete', async (t) => {
  const { limpet, origin, client } = await throughTo(t)
  client.say('POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n')
  client.say('12345')
  const other = await RawClient.connect(t, limpet.port)
  other.say('GET /other HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await origin.request(), /^GET \/other /)
  client.say('67890')
  assert.match(await origin.request(/67890$/), /^POST \/slow [\s\S]*\r\n\r\n1234567890$/)
})

test('a long body that arrives slowly is not counted as a failure of the server', async (t) => {
  const timeouts = { connect: '5s', firstByte: '200ms', idle: '200ms' }
  const { limpet, origin, client } = await throughTo(t, { timeouts: { body: '600ms' } }, { timeouts })
  client.say('POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  await origin.request(/hello\r\n$/)
  assert.match(await client.hear(/\r\n\r\n/), /^HTTP\/1.1 408 /)
  assert.doesNotMatch(limpet.errors.all.join('\n'), /suspended/)
})

test('a client that stops in the middle of its body is timed out, even if it expects a 100 (Continue) and did not wait for it', async (t) => {
  const { origin, client } = await throughTo(t, { timeouts: { body: '200ms' } })
  client.say('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  await origin.request()
  client.say('hal')
  assert.match(await client.hear(/\r\n\r\n/), /^HTTP\/1.1 408 /)
})

test('a client that has sent its whole request is not timed out while it waits for the answer', async (t) => {
  const { origin, client } = await throughTo(t, { timeouts: { body: '200ms' } })
  client.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody')
  await origin.request(/body$/)
  const other = await RawClient.connect(t, client.socket.remotePort!)
  other.say('POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhal')
  // The client that is late gets 408; the first client, which is as old by then, does not.
  assert.match(await other.hear(/\r\n\r\n/), /^HTTP\/1.1 408 /)
  origin.say(OK)
  assert.match(await client.hear(/ok$/), /^HTTP\/1.1 200 /)
})

test('a client that pipelines requests without reading is slowed down, and served completely once it reads', async (t) => {
  let asked = 0
  const body = Buffer.alloc(40_000, 'x')
  const origin = await httpOrigin(t, (_request, response) => {
    asked++
    response.end(body)
  })
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: one }]
    upstreams: { one: { servers: [${origin.address}] } }
  `
  const limpet = await sharedLimpet(config)
  const count = 2000
  const client = await RawClient.connect(t, limpet.port)
  // The bytes of the answers are counted below, not kept.
  client.socket.removeAllListeners('data').pause()
  client.say(GET.repeat(count))
  const others = await RawClient.connect(t, limpet.port)
  for (let i = 0; i < 200; i++) {
    others.say(GET)
    await others.take(/x$/)
  }
  assert.ok(asked < 200 + count / 2, `${asked} requests reached the server`)
  let received = 0
  client.socket.on('data', (bytes) => {
    received += bytes.length
  })
  client.socket.resume()
  client.socket.end()
  await client.goodbye()
  assert.ok(received > count * body.length, `${received} bytes came`)
})
