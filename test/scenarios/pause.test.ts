/** Upstreams that an operator has paused. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ServingDataPlane, startDataPlane } from '../support/data-plane.ts'
import { HoldingOrigin } from '../support/holding-origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { User } from '../support/user.ts'

/** Longer than any test. */
const LONG = 3_600_000

function inAnHour(): number {
  return Date.now() + LONG
}

/** Resolves once that many requests wait for servers of the first upstream. */
async function waiting({ scoreboard }: ServingDataPlane, count: number): Promise<void> {
  while (scoreboard.queues.waiting(0) !== count) await turn()
}

/** Sends a request on a new client, which then waits in the queue behind those that wait there. */
async function waitingClient(test: TestContext, plane: ServingDataPlane, path = '/at-once'): Promise<RawClient> {
  const before = plane.scoreboard.queues.waiting(0)
  const client = await RawClient.connect(test, plane.port)
  client.get(path)
  await waiting(plane, before + 1)
  return client
}

/** The answers to requests sent one after the other. */
async function answersOf(test: TestContext, { port }: ServingDataPlane, count: number): Promise<string[]> {
  const client = await RawClient.connect(test, port)
  const answers: string[] = []
  while (answers.length < count) answers.push(await client.ask('GET /at-once HTTP/1.1\r\nHost: a\r\n\r\n'))
  return answers
}

describe('requests of a paused upstream', () => {
  test('wait until the pause is lifted, and go where they would have gone without it', async (t) => {
    const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
    const config = `
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers:
            - { address: ${a.address}, weight: 3 }
            - { address: ${b.address}, weight: 2 }
    `
    const without = await answersOf(t, await startDataPlane(t, config), 20)
    for (const before of [0, 3, 9]) {
      const plane = await startDataPlane(t, config)
      const answers = await answersOf(t, plane, before)
      await plane.apply(config, { app: inAnHour() })
      const asked = a.asked.length + b.asked.length
      const clients: RawClient[] = []
      while (clients.length < 20 - before) clients.push(await waitingClient(t, plane))
      assert.equal(a.asked.length + b.asked.length, asked)
      await plane.apply(config)
      for (const client of clients) answers.push(/<(.)>/.exec(await client.hear(/<.>/))![1]!)
      assert.deepEqual(answers, without)
    }
  })

  test('go on in the order of their arrival', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const config = `
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ address: ${a.address}, maxConnections: 1 }]
    `
    const plane = await startDataPlane(t, config)
    await a.occupy(t, plane.port)
    await waitingClient(t, plane, '/before')
    await plane.apply(config, { app: inAnHour() })
    await waitingClient(t, plane, '/first')
    a.answer()
    await waitingClient(t, plane, '/second')
    assert.deepEqual(a.asked, ['/occupy'])
    await plane.apply(config)
    a.release()
    await a.hears(4)
    assert.deepEqual(a.asked, ['/occupy', '/before', '/first', '/second'])
  })

  test('go on when the time of the pause is over, however short the timeout of the queue is', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const config = `
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          queue: { timeout: 50ms }
          servers: ["${a.address}"]
    `
    const plane = await startDataPlane(t, config)
    const until = Date.now() + 400
    await plane.apply(config, { app: until })
    const client = await RawClient.connect(t, plane.port)
    client.get('/at-once')
    assert.match(await client.hear(/<a>|<\/html>/), / 200 /)
    // The clock of deadlines ticks every 50 ms.
    assert.ok(Date.now() > until - 100)
  })

  test('get a 503 if the time of the pause is over, and no server may serve', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const config = `
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ address: ${a.address}, down: true }]
    `
    const plane = await startDataPlane(t, config, { app: Date.now() + 300 })
    const client = await waitingClient(t, plane)
    assert.match(await client.hear(/<\/html>/), / 503 [\s\S]*Retry-After: \d+\r\n[\s\S]*No server is available/)
  })

  test('get a 503 that says when the pause ends if the queue is full', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const config = `
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: cookie, name: stick, secrets: [the same secret in every replica], onLost: refuse }
          queue: { size: 1 }
          servers: ["${a.address}"]
    `
    const plane = await startDataPlane(t, config)
    const user = new User()
    await user.get(plane.port, '/at-once')
    await plane.apply(config, { app: Date.now() + 100_000 })
    const first = await waitingClient(t, plane)
    const { status, headers, body } = await user.get(plane.port, '/at-once', { Accept: 'application/json' })
    assert.equal(status, 503)
    const left = Number(headers['retry-after'])
    assert.ok(left > 90 && left <= 100, `${left} s`)
    assert.deepEqual(JSON.parse(body).error, {
      status: 503,
      code: 'paused',
      message: 'The service is paused and will continue soon',
      requestId: JSON.parse(body).error.requestId,
    })
    await plane.apply(config)
    await first.hear(/<a>/)
    assert.equal((await user.get(plane.port, '/at-once')).status, 200)
  })

  test('get it at once if none may wait', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const config = `
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          queue: { size: 0 }
          servers: ["${a.address}"]
    `
    const plane = await startDataPlane(t, config, { app: Date.now() + 600 })
    const client = await RawClient.connect(t, plane.port)
    client.get('/at-once')
    assert.match(await client.hear(/<\/html>/), / 503 [\s\S]*Retry-After: 1\r\n[\s\S]*is paused/)
  })

  test('stay on the servers of their sessions, and do not hold up one another afterwards', async (t) => {
    const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
    const config = `
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
          servers:
            - { name: a, address: ${a.address}, maxConnections: 1 }
            - { name: b, address: ${b.address}, maxConnections: 1, drain: DRAIN }
    `
    const [ready, drained] = [config.replace('DRAIN', 'false'), config.replace('DRAIN', 'true')]
    const plane = await startDataPlane(t, ready)
    const users = new Map<string, User>()
    while (users.size < 2) {
      const user = new User()
      users.set((await user.get(plane.port, '/at-once')).body, user)
    }
    const holder = users.get('<a>')!.get(plane.port, '/held')
    while (!a.asked.includes('/held')) await turn()
    await plane.apply(drained, { app: inAnHour() })
    // It has no session, and only the full server may serve it.
    const stranger = await waitingClient(t, plane)
    const own = users.get('<b>')!.get(plane.port, '/at-once')
    await waiting(plane, 2)
    await plane.apply(drained)
    assert.equal((await own).body, '<b>')
    assert.equal(plane.scoreboard.queues.waiting(0), 1)
    a.release()
    await holder
    await stranger.hear(/<a>/)
  })

  test('leave the queue with their clients', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const config = `
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: ["${a.address}"] } }
    `
    const plane = await startDataPlane(t, config, { app: inAnHour() })
    const client = await waitingClient(t, plane)
    client.socket.destroy()
    await waiting(plane, 0)
    await plane.apply(config)
    await answersOf(t, plane, 1)
    assert.deepEqual(a.asked, ['/at-once'])
  })

  test('get a 503 at once if the upstream is removed', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const configFor = (name: string) => `
      routes: [{ path: /*, upstream: ${name} }]
      upstreams: { ${name}: { servers: ["${a.address}"] } }
    `
    const plane = await startDataPlane(t, configFor('app'), { app: inAnHour() })
    const client = await waitingClient(t, plane)
    await plane.apply(configFor('other'), { app: inAnHour() })
    assert.match(await client.hear(/<\/html>/), / 503 [\s\S]*No server is available/)
  })
})

describe('a pause', () => {
  test('lets requests in flight and tunnels go on, and other upstreams serve', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const b = await HoldingOrigin.start(t, 'b')
    a.origin.server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
    const config = `
      routes: [{ path: /*, upstream: app }, { path: /at-once, upstream: other }]
      upstreams:
        app: { servers: ["${a.address}"] }
        other: { servers: ["${b.address}"] }
    `
    const plane = await startDataPlane(t, config)
    const tunnel = await RawClient.connect(t, plane.port)
    tunnel.say('GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    await tunnel.hear(/ 101 [\s\S]*\r\n\r\n/)
    const inFlight = await a.occupy(t, plane.port)
    await plane.apply(config, { app: inAnHour() })
    tunnel.say('echoed')
    await tunnel.hear(/echoed/)
    a.answer()
    await inFlight.hear(/<a>/)
    assert.deepEqual(await answersOf(t, plane, 1), ['b'])
  })

  test('makes retries wait, and is what their clients are told if they cannot', async (t) => {
    const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
    const configWith = (servers: string) => `
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          queue: { size: 1 }
          retries: { within: 200ms }
          servers: [${servers}]
    `
    const plane = await startDataPlane(t, configWith(`"${a.address}"`))
    const clients = [await a.occupy(t, plane.port), await a.occupy(t, plane.port)]
    const both = configWith(`"${a.address}", "${b.address}"`)
    await plane.apply(both, { app: inAnHour() })
    await a.origin.kill()
    const told = await Promise.race(clients.map((client) => client.hear(/<\/html>/)))
    assert.match(told, / 503 [\s\S]*is paused/)
    await waiting(plane, 1)
    b.release()
    await plane.apply(both)
    await Promise.race(clients.map((client) => client.hear(/<b>/)))
  })

  test('outlasts the requests that waited for it', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const config = `
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: ["${a.address}"] } }
    `
    const plane = await startDataPlane(t, config, { app: inAnHour() })
    const gone = await waitingClient(t, plane)
    gone.socket.destroy()
    await once(gone.socket, 'close')
    await waiting(plane, 0)
    const stays = await waitingClient(t, plane)
    await plane.apply(config)
    await stays.hear(/<a>/)
    assert.deepEqual(a.asked, ['/at-once'])
  })
})
