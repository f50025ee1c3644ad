/** What metrics say of servers, sessions, connections and the program: as it is at that moment. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { adminClient } from '../support/admin-client.ts'
import { TestAuthority } from '../support/certificates.ts'
import { answers, checkedOrigin } from '../support/checked-origin.ts'
import { temporaryFolder } from '../support/folder.ts'
import { HoldingOrigin } from '../support/holding-origin.ts'
import { adminUrlOf, startLimpet } from '../support/limpet.ts'
import { RawClient } from '../support/raw-client.ts'
import { Scrape } from '../support/scrape.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { getOver, secureConnection, sessionOf } from '../support/tls-client.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'

test('servers: state, weight, health, requests and tunnels in flight, the queue', async (t) => {
  const held = await HoldingOrigin.start(t, 'a')
  const echo = await steadyOrigin(t)
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { port: 0 }
    accessLog: off
    routes: [{ path: /*, upstream: app }, { path: /echo, upstream: echo }, { path: /dead, upstream: dead }]
    upstreams:
      app:
        servers:
          - { name: a, address: "${held.address}", weight: 3, maxConnections: 1 }
          - { name: b, address: 127.0.0.1:9, drain: true }
          - { name: c, address: 127.0.0.1:9, down: true }
      echo: { servers: ["${echo}"] }
      dead:
        servers: [{ name: x, address: 127.0.0.1:9 }]
        health: { check: { type: tcp, interval: 100ms, fall: 1 } }
  `,
  )
  const url = await adminUrlOf(limpet)
  await held.occupy(t, limpet.port)
  const waiting = await RawClient.connect(t, limpet.port)
  waiting.get('/waits')
  const tunnel = await RawClient.connect(t, limpet.port)
  tunnel.say('GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  await tunnel.take(/101/)
  await limpet.errors.find(/server x is down/)
  await until(async () => (await Scrape.of(url)).sum('limpet_queue_length', { upstream: 'app' }) === 1)
  const scrape = await Scrape.of(url)
  const of = (name: string, server: string, state?: string) =>
    scrape.sum(name, { server, ...(state !== undefined && { state }) })
  assert.deepEqual(
    ['a', 'b', 'c', 'x'].map((server) =>
      ['ready', 'drain', 'maintenance'].map((state) => of('limpet_server_state', server, state)),
    ),
    [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [1, 0, 0],
    ],
  )
  assert.deepEqual([of('limpet_server_weight', 'a'), of('limpet_server_weight', 'b')], [3, 1])
  assert.deepEqual([of('limpet_server_up', 'a'), of('limpet_server_up', 'x')], [1, 0])
  assert.deepEqual([of('limpet_server_in_flight', 'a'), of('limpet_server_tunnels', 'a')], [1, 0])
  assert.deepEqual([of('limpet_server_in_flight', echo), of('limpet_server_tunnels', echo)], [1, 1])
  assert.equal(scrape.sum('limpet_connections'), 3)
  held.release()
  await waiting.take(/<a>/)
  await until(async () => (await Scrape.of(url)).sum('limpet_request_queue_seconds_count') === 1)
})

test('ejections and suspensions', async (t) => {
  const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { port: 0 }
    accessLog: off
    workers: 2
    routes: [{ path: /*, upstream: app }, { path: /dead, upstream: dead }]
    upstreams:
      app:
        servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
        health: { outlier: { consecutive5xx: 3, ejectFor: 1s, errorRate: 0% } }
      dead: { servers: [{ name: x, address: 127.0.0.1:9, failTimeout: 1h }, { name: y, address: 127.0.0.1:9, failTimeout: 1h }] }
  `,
  )
  const url = await adminUrlOf(limpet)
  a.status = 500
  await answers(t, limpet, 6)
  await limpet.errors.find(/server a is ejected/)
  assert.equal((await Scrape.of(url)).sum('limpet_server_up', { server: 'a' }), 0)
  a.status = 200
  await limpet.errors.find(/server a is back from its ejection/)
  await new User().get(limpet.port, '/dead')
  await limpet.errors.find(/server y is suspended/)
  await limpet.errors.find(/server x is suspended/)
  const scrape = await Scrape.of(url)
  assert.equal(scrape.sum('limpet_server_up', { server: 'a' }), 1)
  assert.deepEqual(
    ['a', 'b', 'x', 'y'].map((server) => scrape.sum('limpet_server_ejections_total', { server })),
    [1, 0, 1, 1],
  )
})

test('sessions, drains and the score', async (t) => {
  const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { port: 0 }
    accessLog: off
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { affinity: cookie, servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }] } }
  `,
  )
  const url = await adminUrlOf(limpet)
  const api = await adminClient(limpet)
  const users = Array.from({ length: 10 }, () => new User())
  for (const user of users) await user.get(limpet.port)
  const first = await Scrape.of(url)
  assert.deepEqual(first.all('limpet_stickiness_score'), [])
  assert.deepEqual(
    ['a', 'b'].map((server) => first.sum('limpet_sessions', { server, state: 'live' })),
    [5, 5],
  )
  for (const user of users) await user.get(limpet.port)
  await until(async () => (await Scrape.of(url)).sum('limpet_stickiness_score') === 1)
  // At a maintenance, its five users move.
  await api.PATCH('/v1/upstreams/{upstream}/servers/{server}', {
    params: { path: { upstream: 'app', server: 'a' } },
    body: { admin: 'maintenance' },
  })
  for (const user of users) await user.get(limpet.port)
  await until(async () => (await Scrape.of(url)).sum('limpet_known_session_requests_total') === 20)
  // It follows once a second.
  await until(async () => (await Scrape.of(url)).sum('limpet_stickiness_score') === 0.75)
  const moved = await Scrape.of(url)
  assert.equal(moved.sum('limpet_stuck_session_requests_total'), 15)
  assert.equal(moved.sum('limpet_decisions_total', { reason: 'moved:down' }), 5)
  await api.PATCH('/v1/upstreams/{upstream}/servers/{server}', {
    params: { path: { upstream: 'app', server: 'a' } },
    body: { admin: 'ready' },
  })
  await api.PUT('/v1/upstreams/{upstream}/servers/{server}/drain', {
    params: { path: { upstream: 'app', server: 'b' } },
    body: { deadline: '1h' },
  })
  const draining = await Scrape.of(url)
  assert.equal(draining.sum('limpet_drains', { upstream: 'app' }), 1)
  assert.ok(draining.sum('limpet_drain_sessions', { server: 'b' }) >= 10)
  assert.equal(draining.sum('limpet_server_state', { server: 'b', state: 'drain' }), 1)
})

test('changes of the configuration that came into effect, and those that were refused', async (t) => {
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { port: 0 }
    accessLog: off
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [{ name: a, address: 127.0.0.1:9 }, { name: b, address: 127.0.0.1:9 }] } }
  `,
  )
  const url = await adminUrlOf(limpet)
  const api = await adminClient(limpet)
  const before = await Scrape.of(url)
  const atStart = before.sum('limpet_last_apply_timestamp_seconds')
  assert.ok(Math.abs(atStart - Date.now() / 1000) < 60)
  const change = (weight: number, server = 'a') =>
    api.PATCH('/v1/upstreams/{upstream}/servers/{server}', {
      params: { path: { upstream: 'app', server } },
      body: { weight },
    })
  await change(5)
  await change(5)
  await change(7)
  await change(7, 'nobody')
  limpet.process.kill('SIGHUP')
  await limpet.errors.find(/SIGHUP: the configuration has not changed/)
  const after = await Scrape.of(url)
  assert.deepEqual(
    ['ok', 'refused'].map((result) => after.sum('limpet_applies_total', { result })),
    [2, 1],
  )
  assert.equal(after.sum('limpet_generation'), 3)
  assert.ok(after.sum('limpet_last_apply_timestamp_seconds') > atStart)
})

test('TLS handshakes by how they ended, and the ends of certificates', async (t) => {
  const authority = await TestAuthority.create()
  const folder = await temporaryFolder(t)
  const site = await authority.issue(['example.org'])
  await writeFile(`${folder}/site.pem`, site.cert)
  await writeFile(`${folder}/site.key`, site.key)
  const server = await steadyOrigin(t)
  const limpet = await startLimpet(
    t,
    `
    listeners:
      - { address: 127.0.0.1, port: 0, tls: { certificates: [{ cert: ${folder}/site.pem, key: ${folder}/site.key }] } }
    admin: { port: 0 }
    accessLog: off
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: ["${server}"] } }
  `,
  )
  const url = await adminUrlOf(limpet)
  const options = { servername: 'example.org', ca: authority.ca }
  const first = await secureConnection(limpet.port, options)
  const session = sessionOf(first)
  await getOver(first)
  const again = await secureConnection(limpet.port, { ...options, session: await session })
  await getOver(again)
  const failing = await RawClient.connect(t, limpet.port)
  failing.socket.write(Buffer.from('16030100050100000100', 'hex'))
  await failing.goodbye()
  await until(async () => (await Scrape.of(url)).sum('limpet_tls_handshakes_total') === 3)
  const scrape = await Scrape.of(url)
  assert.deepEqual(
    ['full', 'resumed', 'failed'].map((result) => scrape.sum('limpet_tls_handshakes_total', { result })),
    [1, 1, 1],
  )
  assert.equal(scrape.sum('limpet_connections_accepted_total'), 3)
  const [certificate] = scrape.all('limpet_certificate_not_after_timestamp_seconds')
  assert.deepEqual(certificate!.labels, { name: `${folder}/site.pem`, source: 'file' })
  assert.ok(certificate!.value > Date.now() / 1000)
  first.destroy()
  again.destroy()
})

test('the program itself', async (t) => {
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { port: 0 }
    accessLog: off
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: ["127.0.0.1:9"] } }
  `,
  )
  const url = await adminUrlOf(limpet)
  // The first figures of the event loops come after five seconds.
  await until(
    async () => (await Scrape.of(url)).all('limpet_event_loop_delay_seconds').every(({ value }) => value > 0),
    100,
  )
  const scrape = await Scrape.of(url)
  assert.equal(scrape.sum('limpet_workers'), 2)
  assert.equal(scrape.all('limpet_event_loop_delay_seconds').length, 6)
  for (const worker of ['0', '1']) {
    const [median, high, most] = ['0.5', '0.99', '1'].map((quantile) =>
      scrape.sum('limpet_event_loop_delay_seconds', { worker, quantile }),
    )
    assert.ok(median! <= high! && high! <= most! && most! < 60)
  }
  assert.equal(scrape.sum('limpet_build_info'), 1)
  assert.ok(scrape.sum('process_cpu_seconds_total') > 0)
  assert.ok(scrape.sum('process_resident_memory_bytes') > 10_000_000)
  assert.ok(Math.abs(scrape.sum('process_start_time_seconds') - Date.now() / 1000) < 120)
})
