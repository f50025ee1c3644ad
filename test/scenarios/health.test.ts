/** Health checks: when servers are taken out and come back, and what a check asks. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { describe, test } from 'node:test'
import { answers, checkedOrigin, serving } from '../support/checked-origin.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { until } from '../support/until.ts'

for (const workers of [1, 2]) {
  describe(`checks, with ${workers} worker(s)`, () => {
    test('take a server out after `fall` failures, and bring it back after `rise` passes', async (t) => {
      const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: ${workers}
        routes: [{ path: /*, upstream: app }]
        upstreams:
          app:
            servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
            health: { check: { type: http, path: /health, interval: 100ms } }
      `
      const limpet = await startLimpet(t, config)
      await until(() => a.checks > 0)
      assert.deepEqual(await serving(t, limpet), ['a', 'b'])
      const before = a.checks
      a.health = 500
      await limpet.errors.find(/WARN.* upstream app: server a is down \(GET \/health answered 500, 3 times in a row\)/)
      assert.ok(a.checks - before >= 3, `${a.checks - before} checks`)
      assert.deepEqual(await serving(t, limpet), ['b'])
      const failing = a.checks
      a.health = 200
      await limpet.errors.find(
        /INFO.* upstream app: server a is up again \(GET \/health answered 200, 2 times in a row\)/,
      )
      assert.ok(a.checks - failing >= 2, `${a.checks - failing} checks`)
      assert.deepEqual(await serving(t, limpet), ['a', 'b'])
      assert.equal(limpet.errors.all.filter((line) => line.includes('server ')).length, 2)
    })

    test('move users to another server, and back', async (t) => {
      const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: ${workers}
        routes: [{ path: /*, upstream: app }]
        upstreams:
          app:
            balance: ip-hash
            servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
            health: { check: { type: http, path: /health, interval: 100ms, fall: 1, rise: 1 } }
      `
      const limpet = await startLimpet(t, config)
      const [home] = await serving(t, limpet, 4)
      const server = home === 'a' ? a : b
      server.health = 503
      await limpet.errors.find(new RegExp(`server ${home} is down`))
      assert.deepEqual(await serving(t, limpet, 4), [home === 'a' ? 'b' : 'a'])
      await limpet.log.matching(/ moved:down$/, 4)
      server.health = 200
      await limpet.errors.find(new RegExp(`server ${home} is up again`))
      assert.deepEqual(await serving(t, limpet, 4), [home])
    })
  })
}

describe('a check', () => {
  test('sends the configured path and headers', async (t) => {
    const a = await checkedOrigin(t, 'a')
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: a, address: ${a.address} }]
          health:
            check:
              type: http
              path: /health
              headers: { Host: app.example.org, X-Why: health }
              initial: unknown
    `
    await startLimpet(t, config)
    const { method, host, 'user-agent': agent, 'x-why': why, connection } = a.checkedBy
    assert.deepEqual(
      { method, host, agent, why, connection },
      { method: 'GET', host: 'app.example.org', agent: 'limpet-check', why: 'health', connection: 'close' },
    )
  })

  test('fails if the answer lacks the configured text', async (t) => {
    const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
    a.healthBody = 'x'.repeat(200_000)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
          health: { check: { type: http, path: /health, body: is well, interval: 100ms } }
    `
    const limpet = await startLimpet(t, config)
    await limpet.errors.find(/server a is down \(GET \/health answered 200 without "is well" in its body\)/)
    a.healthBody = `${'x'.repeat(20_000)} all is well ${'x'.repeat(200_000)}`
    await limpet.errors.find(/server a is up again/)
    assert.ok(!limpet.errors.all.some((line) => line.includes('server b')))
  })

  test('passes by the configured statuses only', async (t) => {
    const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
    a.health = 404
    b.health = 302
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
          health: { check: { type: http, path: /health, status: [2xx, 404], interval: 100ms } }
    `
    const limpet = await startLimpet(t, config)
    await limpet.errors.find(/server b is down \(GET \/health answered 302\)/)
    assert.deepEqual(await serving(t, limpet), ['a'])
  })

  test('may use a port of its own', async (t) => {
    const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
    const monitor = createServer((_request, response) => response.writeHead(a.health).end())
    monitor.listen(0, '127.0.0.1')
    t.after(() => monitor.close())
    await once(monitor, 'listening')
    const { port } = monitor.address() as AddressInfo
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
          health:
            check: { type: http, path: /health, port: ${port}, interval: 100ms }
            panicThreshold: 1%
    `
    const limpet = await startLimpet(t, config)
    a.health = 503
    await limpet.errors.find(/server a is down \(GET \/health answered 503/)
    assert.equal(a.checks, 0)
  })

  test('fails if no answer comes in time, or the connection is refused', async (t) => {
    const silent = await rawOrigin(t, () => {})
    const away = await rawOrigin(t, () => {})
    await away.kill()
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: silent, address: ${silent.address} }, { name: away, address: ${away.address} }]
          health: { check: { type: http, interval: 100ms, timeout: 200ms } }
    `
    const limpet = await startLimpet(t, config)
    await limpet.errors.find(/server silent is down \(GET \/: no answer in time\)/)
    await limpet.errors.find(/server away is down \(GET \/: connect ECONNREFUSED 127/)
  })

  test('by TCP only opens a connection', async (t) => {
    const tcp = createTcpServer((socket) => socket.on('error', () => {}))
    const b = await rawOrigin(t, (socket) => socket.end())
    tcp.listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    const { port } = tcp.address() as AddressInfo
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: a, address: 127.0.0.1:${port} }, { name: b, address: ${b.address} }]
          health: { check: { type: tcp, interval: 100ms, fall: 2, initial: unknown } }
    `
    const limpet = await startLimpet(t, config)
    await limpet.errors.find(new RegExp(`server a is up \\(TCP port ${port} is open\\)`))
    tcp.close()
    await limpet.errors.find(
      new RegExp(`server a is down \\(TCP port ${port}: connect ECONNREFUSED .*, 2 times in a row\\)`),
    )
    tcp.listen(port, '127.0.0.1')
    t.after(() => tcp.close())
    await limpet.errors.find(/server a is up again/)
  })

  test('that brings a server back also ends its suspension after failed requests', async (t) => {
    const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers:
            - { name: a, address: ${a.address}, failTimeout: 1h }
            - { name: b, address: ${b.address}, failTimeout: 1h }
          health: { check: { type: http, path: /health, interval: 100ms, fall: 1, rise: 1 } }
    `
    const limpet = await startLimpet(t, config)
    await a.kill()
    await answers(t, limpet, 2)
    await limpet.errors.find(/server a is (down|suspended)/)
    await limpet.errors.find(/server a is down/)
    await a.revive()
    await limpet.errors.find(/server a is up again/)
    assert.deepEqual(await serving(t, limpet), ['a', 'b'])
  })
})

describe('before its first check, a server', () => {
  test('that is initially down serves no request', async (t) => {
    const held: (() => void)[] = []
    const slow = await httpOrigin(t, (request, response) => {
      if (request.url === '/health') held.push(() => response.end())
      else response.end('served by slow')
    })
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: slow, address: ${slow.address} }]
          health: { check: { type: http, path: /health, interval: 100ms, timeout: 1m, initial: down } }
    `
    const limpet = await startLimpet(t, config)
    assert.deepEqual(await serving(t, limpet, 2), ['503'])
    await until(() => held.length > 0)
    held[0]!()
    await limpet.errors.find(/server slow is up \(GET \/health answered 200\)/)
    assert.deepEqual(await serving(t, limpet, 2), ['slow'])
  })

  test('that is initially unknown holds up the start', async (t) => {
    const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
    b.health = 500
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
          health: { check: { type: http, path: /health, interval: 1h, initial: unknown } }
    `
    const limpet = await startLimpet(t, config)
    assert.deepEqual([a.checks, b.checks], [1, 1])
    assert.deepEqual(await serving(t, limpet), ['a'])
    await limpet.errors.find(/server b is down \(GET \/health answered 500\)/)
  })
})

test('a server that a check brings back starts slowly', async (t) => {
  const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers:
          - { name: a, address: ${a.address}, slowStart: 1h }
          - { name: b, address: ${b.address}, slowStart: 1h }
        health: { check: { type: http, path: /health, interval: 100ms, fall: 1, rise: 1 } }
  `
  const limpet = await startLimpet(t, config)
  a.health = 500
  await limpet.errors.find(/server a is down/)
  a.health = 200
  await limpet.errors.find(/server a is up again/)
  const seen = await answers(t, limpet, 34)
  assert.equal(seen.filter((name) => name === 'a').length, 2)
})

test('the log says when a server is back that was suspended after failures', async (t) => {
  const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers:
          - { name: a, address: ${a.address}, failTimeout: 1s }
          - { name: b, address: ${b.address}, failTimeout: 1s }
    `
  const limpet = await startLimpet(t, config)
  await a.kill()
  await answers(t, limpet, 2)
  await limpet.errors.find(/server a is suspended for 1 s \(connect-failed/)
  await a.revive()
  let back = false
  const line = limpet.errors.find(/INFO.* server a is back \(a request to it was answered\)/)
  line.then(() => {
    back = true
  })
  await until(async () => {
    await answers(t, limpet, 1)
    return back
  })
})

test('the program ends at once, with a check and an ejection in progress', async (t) => {
  const { promise: checked, resolve } = Promise.withResolvers<void>()
  const silent = await rawOrigin(t, () => resolve())
  const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
        health:
          check: { type: tcp, interval: 100ms }
          outlier: { consecutive5xx: 1, ejectFor: 1h, maxEjectFor: 1h }
      silent:
        servers: [${silent.address}]
        health: { check: { type: http, interval: 100ms, timeout: 1h } }
  `
  const limpet = await startLimpet(t, config)
  a.status = 500
  await answers(t, limpet, 2)
  await limpet.errors.find(/server a is ejected/)
  await checked
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
})
