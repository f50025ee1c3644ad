/** The filter concurrencyLimit, before a server that answers when it is told to. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { PortListener } from '../../src/runtime/snapshot.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { type FilterClient, http1Client, http2Client } from '../support/filtered.ts'
import { adminUrlOf, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { replace, startBalancer } from '../support/terminable-balancer.ts'
import { until } from '../support/until.ts'

/** Answers `/now` at once, and keeps what else it gets until it is told to answer. */
async function holding(t: TestContext) {
  const held: ServerResponse[] = []
  const { address } = await httpOrigin(t, (request, response) => {
    if (request.url === '/now') response.end('now')
    else held.push(response)
  })
  return {
    address,
    held,
    async until(count: number) {
      while (held.length < count) await turn()
    },
  }
}

const configOf = (address: string, settings: object, more: object = {}) => ({
  listeners: [{ h2c: true }],
  routes: [{ path: '/*', upstream: 'app', filters: [{ concurrencyLimit: { limit: 2, ...settings } }] }],
  upstreams: { app: { servers: [address] } },
  ...more,
})

for (const [protocol, connectTo] of [
  ['HTTP/1.1', http1Client],
  ['HTTP/2', http2Client],
] as const) {
  describe(`over ${protocol}`, () => {
    async function serve(t: TestContext, settings: object, more: object = {}) {
      const origin = await holding(t)
      const { port } = await startDataPlane(t, configOf(origin.address, settings, more))
      return { ...origin, port, client: connectTo(t, port) }
    }

    test('as many as the limit are in flight; each that ends makes room', async (t) => {
      const { client, held, until } = await serve(t, {})
      const first = client.ask('/held')
      const second = client.ask('/held')
      await until(2)
      const { status, headers, body } = await client.ask('/now', { headers: { Accept: 'application/json' } })
      assert.deepEqual([status, headers['retry-after'], JSON.parse(body).error.code], [429, '1', 'too-many-in-flight'])
      held[0]!.end()
      await Promise.race([first, second])
      assert.equal((await client.ask('/now')).status, 200)
      held[1]!.end()
      await Promise.all([first, second])
      const answers = await Promise.all([client.ask('/now'), client.ask('/now')])
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200],
      )
    })

    test('keys count by themselves, and dry runs refuse nothing', async (t) => {
      const byKey = await serve(t, { limit: 1, by: 'header:X-Key', status: 503 })
      const ask = (key: string, path = '/now') => byKey.client.ask(path, { headers: { 'X-Key': key } })
      const held = ask('a', '/held')
      await byKey.until(1)
      assert.deepEqual([(await ask('a')).status, (await ask('b')).status], [503, 200])
      byKey.held[0]!.end()
      await held
      const dry = await serve(t, { limit: 1, dryRun: true })
      const first = dry.client.ask('/held')
      await dry.until(1)
      assert.equal((await dry.client.ask('/now')).status, 200)
      dry.held[0]!.end()
      await first
    })
  })
}

test('a client that leaves, a server that fails and a filter that refuses give their places back', async (t) => {
  const origin = await holding(t)
  const filters = [{ concurrencyLimit: { limit: 1 } }, { deny: ['192.0.2.1'] }]
  const plane = await startDataPlane(t, {
    ...configOf(origin.address, {}),
    trustedProxies: ['127.0.0.1'],
    routes: [
      { path: '/fails/*', upstream: 'gone', filters },
      {
        path: '/*',
        upstream: 'app',
        filters: [{ concurrencyLimit: { limit: 1, name: 'one', by: 'route' } }, { deny: ['192.0.2.1'] }],
      },
    ],
    upstreams: { app: { servers: [origin.address] }, gone: { servers: ['127.0.0.1:1'] } },
  })
  const client = http1Client(t, plane.port)
  const statusOf = async (path: string, headers = {}) => (await client.ask(path, { headers })).status
  for (let n = 0; n < 3; n++) {
    const left = await RawClient.connect(t, plane.port)
    left.get('/held')
    await origin.until(n + 1)
    assert.equal(await statusOf('/now'), 429)
    left.socket.destroy()
    await until(async () => (await statusOf('/now')) === 200)
  }
  assert.deepEqual([await statusOf('/now', { 'X-Forwarded-For': '192.0.2.1' }), await statusOf('/now')], [403, 200])
  assert.deepEqual([await statusOf('/fails/'), await statusOf('/fails/')], [502, 502])
})

test('a WebSocket counts for as long as it lasts', async (t) => {
  const { address, server } = await httpOrigin(t, (_request, response) => response.end('now'))
  const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  server.on('upgrade', (_request: unknown, socket: Socket) => {
    // It closes with its client.
    socket.on('end', () => socket.end()).resume()
    socket.write(switched)
  })
  const plane = await startDataPlane(t, configOf(address, { limit: 1 }))
  const client = http1Client(t, plane.port)
  const socket = await RawClient.connect(t, plane.port)
  socket.say('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await socket.hear(/101/)
  assert.equal((await client.ask('/now')).status, 429)
  socket.socket.destroy()
  await until(async () => (await client.ask('/now')).status === 200)
})

test('two workers count together', async (t) => {
  const origin = await holding(t)
  const limpet = await startLimpet(t, {
    ...configOf(origin.address, { limit: 5 }),
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 2,
  })
  const clients = Array.from({ length: 40 }, (): FilterClient => http1Client(t, limpet.port))
  const answers = clients.map((client) => client.ask('/held').then(({ status }) => status))
  await until(() => origin.held.length === 5)
  const refused: number[] = []
  for (const answer of answers) void answer.then((status) => refused.push(status))
  await until(() => refused.length === 35)
  assert.deepEqual(new Set(refused), new Set([429]))
  assert.equal(origin.held.length, 5)
  for (const response of origin.held) response.end()
  assert.deepEqual((await Promise.all(answers)).filter((status) => status === 200).length, 5)
})

test('a worker that dies gives its places back', async (t) => {
  const origin = await holding(t)
  const { balancer, workers } = await startBalancer(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app, filters: [{ concurrencyLimit: { limit: 1 } }] }]
    upstreams: { app: { servers: ['${origin.address}'] } }
    accessLog: off
  `,
  )
  const [{ port }] = balancer.listeners as [PortListener]
  const client = http1Client(t, port)
  const held = await RawClient.connect(t, port)
  held.get('/held')
  await origin.until(1)
  assert.equal((await client.ask('/now')).status, 429)
  await replace(workers[0]!)
  assert.equal((await client.ask('/now')).status, 200)
})

test('the metrics count what dry runs would have refused', async (t) => {
  const { address } = await httpOrigin(t, (_request, response) => response.end())
  const filters = [{ rateLimit: { rate: '1/h', dryRun: true } }]
  const { url, errors } = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    admin: { port: 0 },
    routes: [{ path: '/*', upstream: 'app', filters }],
    upstreams: { app: { servers: [address] } },
  })
  for (let n = 0; n < 3; n++) await fetch(url)
  const metrics = await (await fetch(`${await adminUrlOf({ errors })}/metrics`)).text()
  assert.match(metrics, /^limpet_limits_dry_run_total 2$/m)
  assert.match(metrics, /^limpet_limits_overflows_total\{limit="rate"\} 0$/m)
})
