/** What another configuration does to requests that wait or are in flight, and to connections that are open. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { temporaryFolder } from '../support/folder.ts'
import { HoldingOrigin } from '../support/holding-origin.ts'
import { namedOrigin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { ScriptedOrigin } from '../support/scripted-origin.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'
import { WatchedBalancer } from './applied/watched-balancer.ts'

/** Upstreams by their names. `app` gets the requests for all paths but those that begin with another's name. */
type Upstreams = Readonly<Record<string, object>>

/** Starts a balancer of one worker, to which other upstreams and settings can be applied. */
async function start(t: TestContext, upstreams: Upstreams, settings: object = {}) {
  const folder = await temporaryFolder(t)
  const configOf = (upstreams: Upstreams, settings: object) => {
    const config = {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      workers: 1,
      admin: { port: 0 },
      stateDirectory: folder,
      accessLog: { format: 'off', file: `${folder}/access.log` },
      routes: Object.keys(upstreams).map((name) => ({ path: name === 'app' ? '/*' : `/${name}/*`, upstream: name })),
      upstreams,
      ...settings,
    }
    return parseConfig(JSON.stringify(config), 'limpet.yaml', {})
  }
  const watched = await WatchedBalancer.start(t, configOf(upstreams, settings))
  const apply = (upstreams: Upstreams, settings: object = {}) => watched.balancer.apply(configOf(upstreams, settings))
  return { watched, port: watched.port, apply }
}

describe('a request that waits', () => {
  for (const [onLost, status, cookies] of [
    ['move', 200, /^limpet-[^=]*=.{20,}; Path=\/; HttpOnly; SameSite=Lax$/],
    ['refuse', 503, /Max-Age=0/],
  ] as const) {
    test(`for a server that is removed is decided again (onLost: ${onLost})`, async (t) => {
      const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
      const upstreams = (...servers: HoldingOrigin[]) => ({
        app: {
          affinity: { type: 'cookie', onLost },
          servers: servers.map(({ name, address }) => ({ name, address, maxConnections: 1 })),
        },
      })
      const { apply, port, watched } = await start(t, upstreams(a, b))
      const user = new User()
      assert.equal((await user.get(port, '/at-once')).body, '<a>')
      const first = user.get(port, '/first')
      await a.hears(2)
      const second = user.get(port, '/second')
      await watched.waiting('app', 1)
      b.release()
      await apply(upstreams(b))
      const answer = await second
      assert.deepEqual([answer.status, answer.setCookies.length], [status, 1])
      assert.match(answer.setCookies[0]!, cookies)
      a.answer()
      assert.equal((await first).body, '<a>', 'what is in flight ends there')
    })
  }

  test('for a server of an upstream that is removed gets 503, and one in flight its whole answer', async (t) => {
    const [a, other] = [await ScriptedOrigin.start(t), await namedOrigin(t, 'other')]
    const rest = { other: { servers: [other.address] } }
    const { apply, port, watched } = await start(t, {
      app: { servers: [{ name: 'a', address: a.address, maxConnections: 1 }] },
      ...rest,
    })
    const client = await RawClient.connect(t, port)
    client.get('/')
    await a.request()
    a.say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n')
    await client.hear(/first/)
    const waiting = new User().get(port)
    await watched.waiting('app', 1)
    await apply(rest)
    assert.equal((await waiting).status, 503)
    assert.equal((await new User().get(port)).status, 404)
    a.say('4\r\nlast\r\n0\r\n\r\n')
    await client.hear(/last\r\n0\r\n\r\n$/)
    client.get('/other/')
    await client.hear(/other -/)
  })

  test('is sent as it was, though no such head is accepted any more', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    const upstreams = { app: { servers: [{ name: 'a', address: a.address, maxConnections: 1 }] } }
    const { apply, port, watched } = await start(t, upstreams)
    const busy = await a.occupy(t, port)
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`x-${index}`, 'a'.repeat(60)]))
    const waiting = new User().get(port, '/at-once', many)
    await watched.waiting('app', 1)
    await apply(upstreams, { limits: { headers: 20, headSize: '1kB' } })
    assert.equal((await new User().get(port, '/at-once', many)).status, 431)
    a.answer()
    await busy.hear(/<a>/)
    assert.equal((await waiting).body, '<a>')
    assert.deepEqual(watched.trouble, [])
  })
})

describe('a connection that was upgraded', () => {
  test('lives on when its server, and then its upstream, is removed, and keeps their slots', async (t) => {
    const echo = await rawOrigin(t, (socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.on('data', (bytes) => socket.write(bytes))
      socket.on('end', () => socket.end())
    })
    const other = await namedOrigin(t, 'other')
    const rest = { other: { servers: [other.address] } }
    const app = { servers: [{ name: 'a', address: echo.address }] }
    const { apply, port, watched } = await start(t, { app, ...rest })
    const slot = watched.slotsOf('app').get('a')!
    const client = await RawClient.connect(t, port)
    client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    await client.hear(/101 Switching/)
    for (const upstreams of [{ app: { servers: [{ name: 'b', address: other.address }] }, ...rest }, rest, rest]) {
      await apply(upstreams)
      client.say('still there?')
      await client.take(/still there\?/)
      assert.equal(watched.scoreboard.servers.inFlight(slot), 1)
      assert.equal(watched.scoreboard.servers.requests(slot), 1)
    }
    client.socket.end()
    await client.closed()
    await watched.quiet([slot])
    await apply({ other: { servers: [{ address: other.address, weight: 2 }] } })
    assert.equal(watched.scoreboard.servers.requests(slot), 0, 'the slot is returned')
  })
})

test('a server that is moved is not blamed for a request that failed where it was', async (t) => {
  const silent = await rawOrigin(
    t,
    (socket) => void socket.on('data', () => socket.end()).on('end', () => socket.end()),
  )
  const [b, moved] = [await HoldingOrigin.start(t, 'b'), await namedOrigin(t, 'moved')]
  const upstreams = (address: string) => ({
    app: {
      servers: [
        { name: 'a', address },
        { name: 'b', address: b.address },
      ],
    },
  })
  const { apply, port, watched } = await start(t, upstreams(silent.address))
  const asking = new User().get(port)
  await b.hears(1)
  await apply(upstreams(moved.address))
  b.answer()
  assert.equal((await asking).body, '<b>')
  const [a] = await watched.servers('app')
  assert.deepEqual([a!.failures, a!.state.health], [1, 'up'])
  assert.equal((await new User().get(port)).body, 'moved -')
})

describe('limits of requests', () => {
  test('apply from the next request of a connection on', async (t) => {
    const { address } = await namedOrigin(t, 'a')
    const upstreams = { app: { servers: [address] } }
    const { apply, port } = await start(t, upstreams)
    const client = await RawClient.connect(t, port)
    const post = (bytes: number) => {
      client.say(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`)
      client.say('x'.repeat(bytes))
    }
    post(2000)
    await client.take(/a -/)
    await apply(upstreams, { limits: { bodySize: '3kB' } })
    post(2000)
    await client.take(/a -/)
    await apply(upstreams, { limits: { bodySize: '1kB', requestsPerConnection: 4 } })
    post(1000)
    assert.doesNotMatch(await client.take(/a -/), /Connection: close/i)
    post(2000)
    assert.match(await client.goodbye(), /^HTTP\/1.1 413 /)
  })
})

test('trusted proxies are those of when a connection began', async (t) => {
  const { address } = await rawOrigin(t, (socket) => {
    socket.on('data', (bytes) => {
      const [field] = /x-forwarded-for: .*/i.exec(bytes.toString('latin1'))!
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${field.length + 2}\r\n\r\n<${field}>`)
    })
  })
  const upstreams = { app: { servers: [address], balance: 'ip-hash' } }
  const { apply, port, watched } = await start(t, upstreams, { trustedProxies: ['127.0.0.1'] })
  const ask = (client: RawClient) => client.ask('GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n')
  const before = await RawClient.connect(t, port)
  assert.match(await ask(before), /192\.0\.2\.7, 127\.0\.0\.1/)
  await apply(upstreams)
  assert.match(await ask(before), /192\.0\.2\.7, 127\.0\.0\.1/)
  const after = await RawClient.connect(t, port)
  await ask(after)
  const [server] = await watched.servers('app')
  // Each address is a session: that of the trusted proxy's client, and that of a peer that nobody trusts.
  assert.equal(server!.sessions!.live, 2)
})

describe('idle connections to a server', () => {
  test('are closed once fewer are to be kept, and kept while other settings change', async (t) => {
    const a = await HoldingOrigin.start(t, 'a')
    let open = 0
    a.origin.server.on('connection', (socket) => {
      open++
      socket.on('close', () => open--)
    })
    const upstreams = (settings: object) => ({ app: { servers: [a.address], ...settings } })
    const { apply, port } = await start(t, upstreams({ balance: 'round-robin' }))
    const asking = Array.from({ length: 3 }, () => new User().get(port))
    await a.hears(3)
    for (const _ of asking) a.answer()
    await Promise.all(asking)
    await apply(upstreams({ balance: 'least-connections' }))
    assert.equal((await new User().get(port, '/at-once')).body, '<a>')
    assert.equal(open, 3)
    for (const connections of [2, 0]) {
      await apply(upstreams({ keepAlive: { connections } }))
      await until(() => open <= connections)
      assert.equal(open, connections)
    }
    assert.equal((await new User().get(port, '/at-once')).body, '<a>')
    await until(() => open === 0)
  })

  test('that speak for one client are closed once the server is gone, has moved, or is to be told in another way', async (t) => {
    const open = new Map<string, number>()
    const speaker = async (name: string) => {
      const { address } = await rawOrigin(t, (socket) => {
        open.set(name, (open.get(name) ?? 0) + 1)
        socket.on('close', () => open.set(name, open.get(name)! - 1))
        socket.on('data', (bytes) => {
          if (bytes.includes('GET /')) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<${name}>`)
        })
        socket.on('end', () => socket.end())
      })
      return address
    }
    const [a, moved, b] = [await speaker('a'), await speaker('m'), await speaker('b')]
    const upstreams = (name: string, address: string, settings: object = {}) => ({
      app: { servers: [{ name, address }], proxyProtocol: 'v1', ...settings },
    })
    const { apply, port } = await start(t, upstreams('s', a))
    const client = await RawClient.connect(t, port)
    const ask = () => client.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const closed = (name: string) => until(() => open.get(name) === 0)
    assert.equal(await ask(), 'a')
    assert.equal(open.get('a'), 1)
    await apply(upstreams('s', a, { balance: 'least-connections' }))
    assert.equal(open.get('a'), 1)
    await apply(upstreams('s', moved))
    await closed('a')
    assert.equal(await ask(), 'm')
    await apply(upstreams('other', b))
    await closed('m')
    assert.equal(await ask(), 'b')
    await apply(upstreams('other', b, { proxyProtocol: 'v2' }))
    await closed('b')
    assert.equal(await ask(), 'b')
    await apply({ rest: { servers: [a] } })
    await closed('b')
  })
})
