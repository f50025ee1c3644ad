/** The metrics of a running Limpet: what they count is what happened, whatever happens to workers, servers and the program. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { Agent, type Server as HttpServer } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { temporaryFolder } from '../support/folder.ts'
import { Http2User } from '../support/http2-user.ts'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { assertSame, countsIn, countsOf, type LoggedRequest } from '../support/logged-requests.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { Scrape } from '../support/scrape.ts'
import { replace, startBalancer } from '../support/terminable-balancer.ts'
import { until } from '../support/until.ts'
import { onLinux, upgrade } from '../support/upgraded.ts'
import { User } from '../support/user.ts'

describe('what is counted is what the access log says', () => {
  test('of 10,000 requests to two workers, with retries and failures', async (t) => {
    const limpet = await startLimpet(t, await eventful(t))
    await sendAll(limpet.port, 10_000)
    const scrape = await Scrape.of(await adminUrlOf(limpet))
    assertSame(scrape, await logged(limpet, 10_000))
    for (const name of ['limpet_retries_total', 'limpet_failures_total', 'limpet_stuck_session_requests_total'])
      assert.ok(scrape.sum(name) > 100, `${name} is ${scrape.sum(name)}`)
    const outcomes = scrape.all('limpet_requests_total')
    const sumOf = (samples: typeof outcomes) => samples.reduce((sum, { value }) => sum + value, 0)
    const routed = outcomes.filter(({ labels }) => labels.upstream !== '')
    const redirects = scrape.sum('limpet_route_requests_total', { upstream: '' })
    assert.equal(scrape.sum('limpet_route_requests_total'), sumOf(routed) + redirects)
  })

  test('of requests that end in every other way', async (t) => {
    const origin = await httpOrigin(t, (request, response) => {
      if (request.url === '/held') return void response.write('first')
      request.resume().on('end', () => response.end('done'))
    })
    ;(origin.server as HttpServer).on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
      admin: { port: 0 }
      accessLog: json
      limits: { bodySize: 10kB }
      routes: [{ path: /*, upstream: app }, { host: example.org, path: /folder/*, upstream: app }]
      upstreams: { app: { servers: ["${origin.address}"] } }
    `,
    )
    const { port } = limpet
    const says = async (text: string, answer: RegExp) => {
      const client = await RawClient.connect(t, port)
      client.say(text)
      await client.take(answer)
      return client
    }
    await says('GET / HTTP/1.0\r\n\r\n', /done/)
    await says('GET /folder HTTP/1.1\r\nHost: example.org\r\n\r\n', /301/)
    await says('GET / HTTP/1.1\r\nno field\r\n\r\n', /400/)
    await says('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n', /413/)
    await says('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345', /done/)
    const tunnel = await says('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n', /101/)
    tunnel.say('hello')
    await tunnel.take(/hello/)
    tunnel.socket.destroy()
    const left = await says('GET /held HTTP/1.1\r\nHost: a\r\n\r\n', /first/)
    left.socket.resetAndDestroy()
    const user = Http2User.of(t, limpet.url)
    await user.ask()
    await user.ask()
    const lines = await logged(limpet, 9)
    const scrape = await Scrape.of(await adminUrlOf(limpet))
    assertSame(scrape, lines)
    assert.equal(scrape.sum('limpet_requests_total', { code: '1xx' }), 1)
    assert.equal(scrape.sum('limpet_requests_total', { protocol: '2', code: '2xx' }), 2)
    assert.equal(scrape.sum('limpet_requests_total', { protocol: '' }), 1)
    assert.equal(scrape.sum('limpet_failures_total', { failure: 'bad-request', upstream: '' }), 1)
    assert.equal(scrape.sum('limpet_failures_total', { failure: 'body-too-large' }), 1)
    assert.equal(scrape.sum('limpet_failures_total', { failure: 'client-gone', upstream: 'app' }), 1)
    assert.equal(scrape.sum('limpet_received_bytes_total', { upstream: 'app' }), 10)
    assert.equal(scrape.sum('limpet_connections_accepted_total'), 8)
  })

  test('of a worker that died, too', async (t) => {
    const folder = await temporaryFolder(t)
    const config = await eventful(t, `${folder}/access.log`)
    const { balancer, workers } = await startBalancer(t, config)
    const [listener] = balancer.listeners
    const { port } = listener as { port: number }
    const place = balancer.adminPlace as { port: number }
    const scrape = () => Scrape.of(`http://127.0.0.1:${place.port}`)
    const lines = async () =>
      (await readFile(`${folder}/access.log`, 'utf8'))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
    await sendAll(port, 2000)
    await until(async () => (await lines()).length === 2000)
    const before = await scrape()
    await replace(workers[0]!)
    const after = await scrape()
    assert.deepEqual(after.lowerThan(before), [])
    await sendAll(port, 2000)
    await until(async () => (await lines()).length === 4000)
    const whole = await scrape()
    assertSame(whole, await lines())
    assert.equal(whole.sum('limpet_workers_restarted_total'), 1)
    // What was in flight in the worker is not counted and not logged; what had ended is counted, but perhaps not logged.
    const sent = sendAll(port, 2000).catch(() => {})
    await until(async () => (await lines()).length > 4500)
    await replace(workers[1]!)
    await sent
    const last = await scrape()
    assert.deepEqual(last.lowerThan(whole), [])
    const counted = countsIn(last)
    for (const [what, count] of Object.entries(countsOf(await lines())))
      assert.ok((counted[what] ?? 0) >= count, `${what}: ${counted[what]} counted, ${count} logged`)
  })
})

describe('counters never go back', () => {
  test('when a server is removed and comes back, even after its place was given up', async (t) => {
    const { address } = await httpOrigin(t, (_, response) => response.end('hello'))
    const config = (servers: string) => `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      admin: { port: 0 }
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${servers}] } }
    `
    const both = `{ name: a, address: "${address}" }, { id: the-other, name: b, address: "${address}" }`
    const { balancer } = await startBalancer(t, config(both))
    const place = balancer.adminPlace as { port: number }
    const scrape = () => Scrape.of(`http://127.0.0.1:${place.port}`)
    const [{ port }] = balancer.listeners as unknown as [{ port: number }]
    const ask = async (count: number) => {
      for (let request = 0; request < count; request++) await new User().get(port)
    }
    const apply = async (servers: string) => {
      const { parseConfig } = await import('../../src/config/file.ts')
      await balancer.apply(parseConfig(config(servers), 'test', {}))
    }
    await ask(10)
    await until(async () => (await scrape()).sum('limpet_requests_total') === 10)
    const before = await scrape()
    assert.equal(before.sum('limpet_requests_total', { server: 'b' }), 5)
    await apply(`{ name: a, address: "${address}" }`)
    const without = await scrape()
    assert.deepEqual(without.all('limpet_requests_total', { server: 'b' }), [])
    await ask(3)
    // A change first returns the places that nothing refers to any more.
    await apply(`{ name: a, address: "${address}" }, { name: another, address: "${address}" }`)
    assert.deepEqual((await scrape()).all('limpet_requests_total', { server: 'another' }), [])
    await apply(`${both}, { name: another, address: "${address}" }`)
    const back = await scrape()
    assert.deepEqual(back.lowerThan(before), [])
    assert.equal(back.sum('limpet_requests_total', { server: 'b' }), 5)
    await ask(9)
    // A request is counted once its response has been sent.
    await until(async () => (await scrape()).sum('limpet_requests_total') === 22)
    const after = await scrape()
    assert.equal(after.sum('limpet_requests_total', { server: 'b' }), 8)
    assert.equal(after.sum('limpet_requests_total', { server: 'another' }), 3)
    assert.equal(after.sum('limpet_applies_total', { result: 'ok' }), 3)
    assert.equal(after.sum('limpet_generation'), 4)
  })

  test(
    'when another process takes over, under load, and what the old one still counts is added',
    onLinux,
    async (t) => {
      const limpet = await startLimpet(t, await eventful(t))
      const url = await adminUrlOf(limpet)
      const tunnel = await RawClient.connect(t, limpet.port)
      tunnel.say('GET /good/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      await tunnel.take(/101/)
      let isOver = false
      const traffic = Promise.all(
        Array.from({ length: 4 }, async () => {
          let sent = 0
          while (!isOver) sent += await sendAll(limpet.port, 50, 1)
          return sent
        }),
      )
      const scrapes: Scrape[] = []
      // As Prometheus does, it asks again where a connection has just been closed.
      const scrape = () => Scrape.of(url).catch(() => Scrape.of(url))
      const watching = (async () => {
        while (!isOver) scrapes.push(await scrape())
      })()
      await upgrade(t, limpet)
      await until(() => scrapes.at(-1)!.sum('limpet_requests_total') > 600)
      await upgrade(t, limpet)
      const count = scrapes.length
      await until(() => scrapes.length > count + 5)
      isOver = true
      const sent = (await traffic).reduce((sum, each) => sum + each, 0)
      await watching
      for (const [index, scrape] of scrapes.entries())
        if (index > 0)
          assert.deepEqual(scrape.lowerThan(scrapes[index - 1]!), [], `scrape ${index} of ${scrapes.length}`)
      tunnel.socket.destroy()
      const lines = await logged(limpet, sent + 1)
      await until(async () => (await scrape()).sum('limpet_requests_total') === sent + 1)
      assertSame(await scrape(), lines)
    },
  )
})

/**
 * A configuration by which requests succeed, fail, are tried again and are redirected.
 *
 * @param file that the access log goes to
 */
async function eventful(t: TestContext, file?: string): Promise<string> {
  const good = await httpOrigin(t, (request, response) => {
    const [, status] = /status=(\d+)/.exec(request.url!) ?? []
    response.writeHead(Number(status ?? 200)).end('hello')
  })
  ;(good.server as HttpServer).on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    socket.pipe(socket)
  })
  // Closes every third connection without an answer.
  let connections = 0
  const flaky = await rawOrigin(t, (socket) => {
    if (++connections % 3 === 0) return void socket.destroy()
    socket.on('data', () =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes', () => socket.end()),
    )
    socket.on('end', () => socket.end())
  })
  return `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { port: 0 }
    accessLog: { format: json${file === undefined ? '' : `, file: ${file}`} }
    workers: 2
    stateDirectory: ${await temporaryFolder(t)}
    routes:
      - { path: /app/*, upstream: app }
      - { path: /dead/*, upstream: dead }
      - { path: /good/*, upstream: good }
    upstreams:
      app:
        affinity: cookie
        retries: { tries: 3 }
        servers:
          - { name: good, address: "${good.address}", maxFails: 0 }
          - { id: unsteady, name: flaky, address: "${flaky.address}", maxFails: 0 }
          - { name: gone, address: 127.0.0.1:9, maxFails: 0 }
      good: { servers: ["${good.address}"] }
      dead: { servers: [{ name: gone, address: 127.0.0.1:9, maxFails: 0 }] }
  `
}

const PATHS = ['/app/a', '/app/b?status=404', '/app/c?status=503', '/dead/', '/nowhere', '/app', '/app/d?status=304']

/** Sends that many requests, most of them with the cookie of an earlier one. Resolves to the count. */
async function sendAll(port: number, count: number, clients = 20): Promise<number> {
  let next = 0
  const client = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    let user = new User(agent)
    for (let index = next++; index < count; index = next++) {
      if (index % 5 === 0) user = new User(agent)
      await user.get(port, PATHS[index % PATHS.length]!)
    }
    agent.destroy()
  }
  // All of them have ended, even if one fails.
  const outcomes = await Promise.allSettled(Array.from({ length: clients }, client))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  return count
}

/** The lines of its access log, which are that many. */
async function logged({ log }: Limpet, count: number): Promise<LoggedRequest[]> {
  const lines = await log.matching(/^\{"time/, count)
  assert.equal(lines.length, count)
  return lines.map((line) => JSON.parse(line))
}
