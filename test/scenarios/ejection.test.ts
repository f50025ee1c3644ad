/** Servers that are ejected by how they answer, and the panic in which all servers are used. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answers, checkedOrigin, serving } from '../support/checked-origin.ts'
import { startLimpet } from '../support/limpet.ts'
import { RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

for (const workers of [1, 2]) {
  describe(`ejection, with ${workers} worker(s)`, () => {
    test('follows `consecutive5xx` answers in a row, and ends after `ejectFor`', async (t) => {
      const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: ${workers}
        routes: [{ path: /*, upstream: app }]
        upstreams:
          app:
            servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
            health: { outlier: { consecutive5xx: 3, ejectFor: 1s, errorRate: 0% } }
      `
      const limpet = await startLimpet(t, config)
      a.status = 500
      assert.deepEqual(await serving(t, limpet, 4), ['a', 'b'])
      await answers(t, limpet, 2)
      await limpet.errors.find(/server a is ejected for 1 s \(3 answers of 5xx or none, in a row\)/)
      const given = a.requests
      assert.deepEqual(await serving(t, limpet), ['b'])
      assert.equal(a.requests, given)
      a.status = 200
      await limpet.errors.find(/server a is back from its ejection/)
      assert.deepEqual(await serving(t, limpet), ['a', 'b'])
    })
  })
}

test('a status above 599 is a bad answer, and is passed on unchanged', async (t) => {
  const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
        health: { outlier: { consecutive5xx: 3, ejectFor: 1h, maxEjectFor: 1h, errorRate: 0% } }
  `
  const limpet = await startLimpet(t, config)
  a.status = 999
  const client = await RawClient.connect(t, limpet.port)
  const heard: string[] = []
  for (let i = 0; i < 6; i++) {
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    heard.push((await client.take(/served by \w/)).slice(9, 12))
  }
  assert.deepEqual(heard, ['999', '200', '999', '200', '999', '200'])
  await limpet.errors.find(/server a is ejected for 3600 s \(3 answers of 5xx or none, in a row\)/)
  assert.deepEqual(await serving(t, limpet), ['b'])
})

test('a server with a higher error rate than the others is ejected; errors of all servers eject none', async (t) => {
  const [a, b, c] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b'), await checkedOrigin(t, 'c')]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers:
          - { name: a, address: ${a.address} }
          - { name: b, address: ${b.address} }
          - { name: c, address: ${c.address} }
        health:
          outlier:
            consecutive5xx: 0
            errorRate: 50%
            minRequests: 4
            interval: 200ms
            ejectFor: 1h
            maxEjectFor: 1h
  `
  const limpet = await startLimpet(t, config)
  for (const server of [a, b, c]) server.status = 500
  for (let asked = 0; asked < 60; asked += 12) await answers(t, limpet)
  assert.ok(!limpet.errors.all.some((line) => line.includes('ejected')))
  for (const server of [b, c]) server.status = 200
  let over = false
  const ejected = limpet.errors.find(
    /server a is ejected for 3600 s \((\d+) % of \d+ answers were errors, (\d+) % of the others'\)/,
  )
  ejected.then(() => {
    over = true
  })
  await until(async () => {
    await answers(t, limpet)
    return over
  })
  const [, own, others] = await ejected
  assert.ok(Number(own) - Number(others) > 50)
  assert.deepEqual(await serving(t, limpet), ['b', 'c'])
})

test('the last healthy server is never ejected', async (t) => {
  const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
        health: { outlier: { consecutive5xx: 1, maxEjected: 100%, ejectFor: 1h, maxEjectFor: 1h } }
  `
  const limpet = await startLimpet(t, config)
  a.status = b.status = 500
  await answers(t, limpet, 20)
  await limpet.errors.find(/server \w is ejected/)
  assert.equal((await serving(t, limpet)).length, 1)
})

test('a panic uses all servers while too few are healthy', async (t) => {
  const [a, b, c] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b'), await checkedOrigin(t, 'c')]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers:
          - { name: a, address: ${a.address} }
          - { name: b, address: ${b.address} }
          - { name: c, address: ${c.address} }
        health:
          check: { type: http, path: /health, interval: 100ms, fall: 1, rise: 1 }
          panicThreshold: 50%
  `
  const limpet = await startLimpet(t, config)
  a.health = 500
  await limpet.errors.find(/server a is down/)
  assert.deepEqual(await serving(t, limpet), ['b', 'c'])
  b.health = 500
  await limpet.errors.find(/WARN.* upstream app: panic: 1 of 3 servers are well, fewer than 50 %; all are used/)
  assert.deepEqual(await serving(t, limpet), ['a', 'b', 'c'])
  b.health = 200
  await limpet.errors.find(/INFO.* upstream app: the panic is over: 2 of 3 servers are well/)
  assert.deepEqual(await serving(t, limpet), ['b', 'c'])
})

test('a check that every server fails takes no server out of use if a panic is allowed', async (t) => {
  const [a, b] = [await checkedOrigin(t, 'a'), await checkedOrigin(t, 'b')]
  a.health = b.health = 404
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
        health:
          check: { type: http, path: /health, interval: 100ms, initial: unknown }
          panicThreshold: 1%
  `
  const limpet = await startLimpet(t, config)
  assert.deepEqual(await serving(t, limpet), ['a', 'b'])
  const lines = await limpet.errors.matching(/ upstream app: /, 3)
  assert.match(lines[2]!, /panic: 0 of 2 servers are well, fewer than 1 %; all are used/)
  assert.match(lines.join(), /server a is down .* server b is down|server b is down .* server a is down/)
})
