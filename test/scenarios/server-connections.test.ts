/** For how long a connection to a server serves one request after another (`keepAlive`). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A server that answers each request with the number of the connection that it came on, after `delay` ms. */
function numberingServer(test: TestContext, delay = 0): Promise<Origin> {
  let connections = 0
  const numbers = new WeakMap<object, number>()
  return httpOrigin(test, async (request, response) => {
    const { socket } = request
    if (!numbers.has(socket)) numbers.set(socket, ++connections)
    if (delay > 0) await setTimeout(delay)
    response.end(`<${numbers.get(socket)}>`)
  })
}

describe('a connection to a server', () => {
  test('serves as many requests as keepAlive.requestsPerConnection, and the next ones get another connection', async (t) => {
    const origin = await numberingServer(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${origin.address}], keepAlive: { requestsPerConnection: 3 } } }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connect(t, limpet.port)
    const served: string[] = []
    for (let i = 0; i < 8; i++) served.push(await client.ask(GET))
    assert.equal(served.join(' '), '1 1 1 2 2 2 3 3')
  })

  test('is closed by Limpet as soon as it has served its last request', async (t) => {
    const origin = await numberingServer(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${origin.address}], keepAlive: { requestsPerConnection: 2 } } }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connect(t, limpet.port)
    const connected = once(origin.server, 'connection')
    assert.equal(await client.ask(GET), '1')
    const [socket] = await connected
    const ended = once(socket, 'end')
    assert.equal(await client.ask(GET), '1')
    await ended
  })

  test('serves any number of requests where there is no limit', async (t) => {
    const origin = await numberingServer(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams:
        one:
          servers: [${origin.address}]
          keepAlive: { requestsPerConnection: unlimited, maxAge: 0, idle: 0 }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connect(t, limpet.port)
    for (let i = 0; i < 50; i++) assert.equal(await client.ask(GET), '1')
  })

  test('is closed after a request during which it reaches keepAlive.maxAge', async (t) => {
    const origin = await numberingServer(t, 200)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${origin.address}], keepAlive: { maxAge: 100ms } } }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connect(t, limpet.port)
    const connected = once(origin.server, 'connection')
    const answered = client.ask(GET)
    const [socket] = await connected
    await Promise.all([once(socket, 'end'), answered])
    assert.equal(await answered, '1')
    assert.equal(await client.ask(GET), '2')
  })

  for (const idle of ['60s', 0]) {
    test(`is closed while it is idle once it reaches maxAge, with keepAlive.idle at ${idle}`, async (t) => {
      const origin = await numberingServer(t)
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 1
        routes: [{ path: /*, upstream: one }]
        upstreams: { one: { servers: [${origin.address}], keepAlive: { maxAge: 300ms, idle: ${idle} } } }
      `
      const limpet = await sharedLimpet(config)
      const client = await RawClient.connect(t, limpet.port)
      const connected = once(origin.server, 'connection')
      assert.equal(await client.ask(GET), '1')
      const [socket] = await connected
      await once(socket, 'end')
      assert.equal(await client.ask(GET), '2')
    })
  }
})
