/** Servers that are found ill and well again: by checks, and by how they answer. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

/** A server whose answers the test changes while it runs. */
interface Patient extends Origin {
  readonly name: string
  /** What `/health` answers: its status, and its body. */
  health: number
  healthBody: string
  /** The status of every other answer. */
  status: number
  /** Requests for `/health`, and all others. */
  checks: number
  requests: number
  /** The last check's head. */
  checkedBy: Record<string, unknown>
}

async function patient(test: TestContext, name: string): Promise<Patient> {
  const state = { name, health: 200, healthBody: 'all is well', status: 200, checks: 0, requests: 0, checkedBy: {} }
  const origin = await httpOrigin(test, (request, response) => {
    if (request.url === '/health') {
      state.checks++
      state.checkedBy = { method: request.method, ...request.headers }
      response.writeHead(state.health).end(state.healthBody)
    } else {
      state.requests++
      response.writeHead(state.status).end(`<${name}>`)
    }
  })
  return Object.assign(state, origin)
}

const FAST = { interval: '100ms', timeout: '2s' }

function balancing(
  test: TestContext,
  servers: readonly { name: string; address: string }[],
  health: object,
  { workers = 1, balance = 'round-robin', server = {} } = {},
): Promise<Limpet> {
  return startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: { balance, servers: servers.map(({ name, address }) => ({ name, address, ...server })), health },
    },
  })
}

/** Who answers so many requests, each on a connection of its own so that every worker gets some. */
async function answers(test: TestContext, limpet: Limpet, count = 12): Promise<string[]> {
  const all: string[] = []
  for (let i = 0; i < count; i++) {
    const client = await RawClient.connect(test, limpet.port)
    client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const heard = await client.goodbye()
    all.push(/<(a|b|c|slow)>/.exec(heard)?.[1] ?? heard.slice(9, 12))
  }
  return all
}

async function who(test: TestContext, limpet: Limpet, count?: number): Promise<string[]> {
  return [...new Set(await answers(test, limpet, count))].toSorted()
}

for (const workers of [1, 2]) {
  describe(`checks, with ${workers} worker(s)`, () => {
    test('take a server out after so many failures, and bring it back after so many passes', async (t) => {
      const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
      const limpet = await balancing(t, [a, b], { check: { type: 'http', path: '/health', ...FAST } }, { workers })
      while (a.checks < 1) await answers(t, limpet, 1)
      assert.deepEqual(await who(t, limpet), ['a', 'b'])
      const before = a.checks
      a.health = 500
      await limpet.errors.find(/WARN.* upstream app: server a is down \(GET \/health answered 500, 3 times in a row\)/)
      assert.ok(a.checks - before >= 3, `${a.checks - before} checks`)
      assert.deepEqual(await who(t, limpet), ['b'])
      const ill = a.checks
      a.health = 200
      await limpet.errors.find(
        /INFO.* upstream app: server a is up again \(GET \/health answered 200, 2 times in a row\)/,
      )
      assert.ok(a.checks - ill >= 2, `${a.checks - ill} checks`)
      assert.deepEqual(await who(t, limpet), ['a', 'b'])
      assert.equal(limpet.errors.all.filter((line) => line.includes('server ')).length, 2)
    })

    test('tell of users that they moved, and that they are back', async (t) => {
      const servers = [await patient(t, 'a'), await patient(t, 'b')]
      const health = { check: { type: 'http', path: '/health', fall: 1, rise: 1, ...FAST } }
      const limpet = await balancing(t, servers, health, { workers, balance: 'ip-hash' })
      const [home] = await who(t, limpet, 4)
      const server = servers.find(({ name }) => name === home)!
      server.health = 503
      await limpet.errors.find(new RegExp(`server ${home} is down`))
      assert.deepEqual(await who(t, limpet, 4), [home === 'a' ? 'b' : 'a'])
      await limpet.log.matching(/ moved:down$/, 4)
      server.health = 200
      await limpet.errors.find(new RegExp(`server ${home} is up again`))
      assert.deepEqual(await who(t, limpet, 4), [home])
    })
  })

  describe(`ejection, with ${workers} worker(s)`, () => {
    test('comes of so many 5xx in a row, and ends after its time', async (t) => {
      const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
      const outlier = { consecutive5xx: 3, ejectFor: '1s', errorRate: '0%' }
      const limpet = await balancing(t, [a, b], { outlier }, { workers })
      a.status = 500
      assert.deepEqual(await who(t, limpet, 4), ['a', 'b'])
      await answers(t, limpet, 2)
      await limpet.errors.find(/server a is ejected for 1 s \(3 answers of 5xx or none, in a row\)/)
      const given = a.requests
      assert.deepEqual(await who(t, limpet), ['b'])
      assert.equal(a.requests, given)
      a.status = 200
      await limpet.errors.find(/server a is back from its ejection/)
      assert.deepEqual(await who(t, limpet), ['a', 'b'])
    })
  })
}

test('a status above all known classes is a bad answer, and passes as it came', async (t) => {
  const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
  const outlier = { consecutive5xx: 3, ejectFor: '1h', maxEjectFor: '1h', errorRate: '0%' }
  const limpet = await balancing(t, [a, b], { outlier }, { workers: 1 })
  a.status = 999
  const client = await RawClient.connect(t, limpet.port)
  const heard: string[] = []
  for (let i = 0; i < 6; i++) {
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    heard.push((await client.take(/<.>/)).slice(9, 12))
  }
  assert.deepEqual(heard, ['999', '200', '999', '200', '999', '200'])
  await limpet.errors.find(/server a is ejected for 3600 s \(3 answers of 5xx or none, in a row\)/)
  assert.deepEqual(await who(t, limpet), ['b'])
})

describe('a check', () => {
  test('asks as it is told to', async (t) => {
    const a = await patient(t, 'a')
    const check = { type: 'http', path: '/health', headers: { Host: 'app.example.org', 'X-Why': 'health' }, ...FAST }
    await balancing(t, [a], { check: { initial: 'unknown', ...check } })
    const { method, host, 'user-agent': agent, 'x-why': why, connection } = a.checkedBy
    assert.deepEqual(
      { method, host, agent, why, connection },
      { method: 'GET', host: 'app.example.org', agent: 'limpet-check', why: 'health', connection: 'close' },
    )
  })

  test('fails where the answer lacks the text that must be in it', async (t) => {
    const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
    a.healthBody = 'x'.repeat(200_000)
    const limpet = await balancing(t, [a, b], { check: { type: 'http', path: '/health', body: 'is well', ...FAST } })
    await limpet.errors.find(/server a is down \(GET \/health answered 200 without "is well" in its body\)/)
    a.healthBody = `${'x'.repeat(20_000)} all is well ${'x'.repeat(200_000)}`
    await limpet.errors.find(/server a is up again/)
    assert.ok(!limpet.errors.all.some((line) => line.includes('server b')))
  })

  test('fails by a status that does not pass, and passes by one that does', async (t) => {
    const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
    a.health = 404
    b.health = 302
    const check = { type: 'http', path: '/health', status: ['2xx', 404], ...FAST }
    const limpet = await balancing(t, [a, b], { check })
    await limpet.errors.find(/server b is down \(GET \/health answered 302\)/)
    assert.deepEqual(await who(t, limpet), ['a'])
  })

  test('looks at a port of its own', async (t) => {
    const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
    const monitor = createServer((_request, response) => response.writeHead(a.health).end())
    monitor.listen(0, '127.0.0.1')
    t.after(() => monitor.close())
    await once(monitor, 'listening')
    const { port } = monitor.address() as AddressInfo
    const limpet = await balancing(t, [a, b], {
      check: { type: 'http', path: '/health', port, ...FAST },
      panicThreshold: '1%',
    })
    a.health = 503
    await limpet.errors.find(/server a is down \(GET \/health answered 503/)
    assert.equal(a.checks, 0)
  })

  test('fails where no answer comes in time, and by its cause where none can', async (t) => {
    const silent = await rawOrigin(t, () => {})
    const away = await rawOrigin(t, () => {})
    await away.kill()
    const servers = [
      { name: 'silent', address: silent.address },
      { name: 'away', address: away.address },
    ]
    const limpet = await balancing(t, servers, { check: { type: 'http', ...FAST, timeout: '200ms' } })
    await limpet.errors.find(/server silent is down \(GET \/: no answer in time\)/)
    await limpet.errors.find(/server away is down \(GET \/: connect ECONNREFUSED 127/)
  })

  test('by TCP asks for no more than a connection', async (t) => {
    const tcp = createTcpServer((socket) => socket.on('error', () => {}))
    const b = await rawOrigin(t, (socket) => socket.end())
    tcp.listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    const { port } = tcp.address() as AddressInfo
    const servers = [
      { name: 'a', address: `127.0.0.1:${port}` },
      { name: 'b', address: b.address },
    ]
    const limpet = await balancing(t, servers, { check: { type: 'tcp', fall: 2, ...FAST, initial: 'unknown' } })
    await limpet.errors.find(new RegExp(`server a is up \\(TCP port ${port} is open\\)`))
    tcp.close()
    await limpet.errors.find(
      new RegExp(`server a is down \\(TCP port ${port}: connect ECONNREFUSED .*, 2 times in a row\\)`),
    )
    tcp.listen(port, '127.0.0.1')
    t.after(() => tcp.close())
    await limpet.errors.find(/server a is up again/)
  })

  test('that brings a server back ends its time alone after failed requests, too', async (t) => {
    const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
    const health = { check: { type: 'http', path: '/health', fall: 1, rise: 1, ...FAST } }
    const limpet = await balancing(t, [a, b], health, { server: { failTimeout: '1h' } })
    await a.kill()
    await answers(t, limpet, 2)
    await limpet.errors.find(/server a is (down|suspended)/)
    await limpet.errors.find(/server a is down/)
    await a.revive()
    await limpet.errors.find(/server a is up again/)
    assert.deepEqual(await who(t, limpet), ['a', 'b'])
  })
})

describe('before its first check, a server', () => {
  test('that is down serves nobody', async (t) => {
    const held: (() => void)[] = []
    const slow = await httpOrigin(t, (request, response) => {
      if (request.url === '/health') held.push(() => response.end())
      else response.end('<slow>')
    })
    const check = { type: 'http', path: '/health', initial: 'down', ...FAST, timeout: '1m' }
    const limpet = await balancing(t, [{ name: 'slow', address: slow.address }], { check })
    assert.deepEqual(await who(t, limpet, 2), ['503'])
    while (held.length === 0) await new Promise(setImmediate)
    held[0]!()
    await limpet.errors.find(/server slow is up \(GET \/health answered 200\)/)
    assert.deepEqual(await who(t, limpet, 2), ['slow'])
  })

  test('that is unknown holds up the start', async (t) => {
    const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
    b.health = 500
    const check = { type: 'http', path: '/health', initial: 'unknown', ...FAST, interval: '1h' }
    const limpet = await balancing(t, [a, b], { check })
    assert.deepEqual([a.checks, b.checks], [1, 1])
    assert.deepEqual(await who(t, limpet), ['a'])
    await limpet.errors.find(/server b is down \(GET \/health answered 500\)/)
  })
})

test('a server that a check brings back starts slowly', async (t) => {
  const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
  const health = { check: { type: 'http', path: '/health', fall: 1, rise: 1, ...FAST } }
  const limpet = await balancing(t, [a, b], health, { server: { slowStart: '1h' } })
  a.health = 500
  await limpet.errors.find(/server a is down/)
  a.health = 200
  await limpet.errors.find(/server a is up again/)
  const seen = await answers(t, limpet, 34)
  assert.equal(seen.filter((name) => name === 'a').length, 2)
})

test('a server whose answers are worse than those of the others is ejected; trouble that all share ejects nobody', async (t) => {
  const [a, b, c] = [await patient(t, 'a'), await patient(t, 'b'), await patient(t, 'c')]
  const outlier = {
    consecutive5xx: 0,
    errorRate: '50%',
    minRequests: 4,
    interval: '200ms',
    ejectFor: '1h',
    maxEjectFor: '1h',
  }
  const limpet = await balancing(t, [a, b, c], { outlier })
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
  while (!over) await answers(t, limpet)
  const [, own, others] = await ejected
  assert.ok(Number(own) - Number(others) > 50)
  assert.deepEqual(await who(t, limpet), ['b', 'c'])
})

test('the last server that is well is never ejected', async (t) => {
  const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
  const outlier = { consecutive5xx: 1, maxEjected: '100%', ejectFor: '1h', maxEjectFor: '1h' }
  const limpet = await balancing(t, [a, b], { outlier })
  a.status = b.status = 500
  await answers(t, limpet, 20)
  await limpet.errors.find(/server \w is ejected/)
  assert.equal((await who(t, limpet)).length, 1)
})

test('a panic uses all servers, as long as too few are well', async (t) => {
  const [a, b, c] = [await patient(t, 'a'), await patient(t, 'b'), await patient(t, 'c')]
  const check = { type: 'http', path: '/health', fall: 1, rise: 1, ...FAST }
  const limpet = await balancing(t, [a, b, c], { check, panicThreshold: '50%' })
  a.health = 500
  await limpet.errors.find(/server a is down/)
  assert.deepEqual(await who(t, limpet), ['b', 'c'])
  b.health = 500
  await limpet.errors.find(/WARN.* upstream app: panic: 1 of 3 servers are well, fewer than 50 %; all are used/)
  assert.deepEqual(await who(t, limpet), ['a', 'b', 'c'])
  b.health = 200
  await limpet.errors.find(/INFO.* upstream app: the panic is over: 2 of 3 servers are well/)
  assert.deepEqual(await who(t, limpet), ['b', 'c'])
})

test('a check that nobody can pass takes down nobody, where a panic is allowed', async (t) => {
  const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
  a.health = b.health = 404
  const check = { type: 'http', path: '/health', initial: 'unknown', ...FAST }
  const limpet = await balancing(t, [a, b], { check, panicThreshold: '1%' })
  assert.deepEqual(await who(t, limpet), ['a', 'b'])
  const lines = await limpet.errors.matching(/ upstream app: /, 3)
  assert.match(lines[2]!, /panic: 0 of 2 servers are well, fewer than 1 %; all are used/)
  assert.match(lines.join(), /server a is down .* server b is down|server b is down .* server a is down/)
})

test('a suspended server is reported when it is back', async (t) => {
  const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
  const limpet = await balancing(t, [a, b], {}, { server: { failTimeout: '1s' } })
  await a.kill()
  await answers(t, limpet, 2)
  await limpet.errors.find(/server a is suspended for 1 s \(connect-failed/)
  await a.revive()
  let back = false
  const line = limpet.errors.find(/INFO.* server a is back \(a request to it was answered\)/)
  line.then(() => {
    back = true
  })
  while (!back) await answers(t, limpet, 1)
})

test('the program ends at once, with checks under way and an ejection running', async (t) => {
  const { promise: checked, resolve } = Promise.withResolvers<void>()
  const silent = await rawOrigin(t, () => resolve())
  const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
  const { port } = silent
  const check = { type: 'tcp', ...FAST }
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: {
        servers: [a, b].map(({ name, address }) => ({ name, address })),
        health: { check, outlier: { consecutive5xx: 1, ejectFor: '1h', maxEjectFor: '1h' } },
      },
      silent: { servers: [`127.0.0.1:${port}`], health: { check: { type: 'http', ...FAST, timeout: '1h' } } },
    },
  })
  a.status = 500
  await answers(t, limpet, 2)
  await limpet.errors.find(/server a is ejected/)
  await checked
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
})
