/** The queue while servers fail and recover. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HoldingOrigin } from '../support/holding-origin.ts'
import { loggedRequest } from '../support/limpet.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'

test('a server that recovers from its failures gets the requests that wait', async (t) => {
  const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  await a.origin.kill()
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { timeout: 0s }
        servers:
          - { name: a, address: ${a.address}, maxConnections: 1, failTimeout: 400ms }
          - { name: b, address: ${b.address}, maxConnections: 1, failTimeout: 400ms }
  `
  const limpet = await sharedLimpet(config)
  await b.occupy(t, limpet.port)
  const client = await RawClient.connect(t, limpet.port)
  client.get('/at-once')
  await limpet.errors.find(/server a is suspended/)
  await a.origin.revive()
  assert.match(await client.hear(/<\w>/), /<a>/)
  assert.ok((await loggedRequest(limpet, '/at-once')).queued > 0)
})

test('a server that passes its check again gets the requests that wait, in whichever worker', async (t) => {
  const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  await a.origin.kill()
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { timeout: 0s }
        health: { check: { type: tcp, interval: 200ms, timeout: 100ms, rise: 1, fall: 1 } }
        servers:
          - { name: a, address: ${a.address}, maxConnections: 1 }
          - { name: b, address: ${b.address}, maxConnections: 1 }
  `
  const limpet = await sharedLimpet(config)
  await limpet.errors.find(/server a is (down|unhealthy|out)/)
  await b.occupy(t, limpet.port)
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(t, limpet.port)))
  for (const client of clients) client.get('/at-once')
  await a.origin.revive()
  for (const client of clients) assert.match(await client.hear(/<\w>/), /<a>/)
})

test('a retry waits too, and the time it waits does not count against retries.within', async (t) => {
  const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { timeout: 0s }
        retries: { within: 100ms }
        servers:
          - { name: a, address: ${a.address}, maxConnections: 1 }
          - { name: b, address: ${b.address}, maxConnections: 1 }
    timeouts: { body: 300ms }
  `
  const limpet = await sharedLimpet(config)
  const silent = await RawClient.connect(t, limpet.port)
  await a.occupy(t, limpet.port)
  await b.occupy(t, limpet.port)
  const client = await RawClient.connect(t, limpet.port)
  client.get('/waits')
  silent.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
  await silent.hear(/ 408 /)
  a.answer()
  await a.hears(2)
  await a.origin.kill()
  await limpet.errors.find(/server a is suspended/)
  b.release()
  assert.match(await client.hear(/<b>/), / 200 /)
  const { reason, upstream } = await loggedRequest(limpet, '/waits')
  assert.deepEqual([reason, upstream], ['retry', [a.origin.address, b.origin.address]])
})

test('requests stop waiting once no server is up', async (t) => {
  const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { timeout: 0s }
        servers:
          - { name: a, address: ${a.address}, maxConnections: 1 }
          - { name: b, address: ${b.address}, maxConnections: 1 }
  `
  const limpet = await sharedLimpet(config)
  const holders = [await a.occupy(t, limpet.port), await b.occupy(t, limpet.port)]
  const client = await RawClient.connect(t, limpet.port)
  client.get('/waits')
  await a.origin.kill()
  await b.origin.kill()
  assert.match(await client.hear(/<\/html>/), / (502|503) /)
  for (const holder of holders) await holder.hear(/ (502|503) /)
})
