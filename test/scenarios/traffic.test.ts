/** What the admin API says of the traffic, held against what was sent. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import type { AdminPlace, PortPlace } from '../../src/admin/admin-listener.ts'
import { Traffic, TrafficHistory } from '../../src/admin/traffic.ts'
import type { PortListener } from '../../src/runtime/snapshot.ts'
import { adminClient } from '../support/admin-client.ts'
import { AdminStream } from '../support/admin-stream.ts'
import { adminUrlOf, startLimpet } from '../support/limpet.ts'
import { httpOrigin, namedOrigin, type Origin } from '../support/origin.ts'
import { replace, startBalancer } from '../support/terminable-balancer.ts'
import { until } from '../support/until.ts'
import { onLinux, upgrade } from '../support/upgraded.ts'
import { User } from '../support/user.ts'

/** What a stream has shown of each second, and how many seconds it is about: on a busy machine, one may be late. */
function shown({ all }: AdminStream): { traffic: Traffic; seconds: number }[] {
  const ends = all.map(({ now }) => Date.parse(now.at))
  return all
    .slice(1)
    .map((traffic, index) => ({ traffic, seconds: Math.round((ends[index + 1]! - ends[index]!) / 1000) }))
}

/** What a stream adds up to since it began. */
function total(stream: AdminStream, rateIn: (traffic: Traffic) => number): number {
  const counts = shown(stream).map(({ traffic, seconds }) => rateIn(traffic) * seconds)
  return Math.round(counts.reduce((sum, count) => sum + count, 0) * 1000) / 1000
}

const requestsIn = (stream: AdminStream) => total(stream, ({ now }) => now.requests)
const upstreamIn = ({ upstreams }: Traffic, name: string) => upstreams.find((upstream) => upstream.name === name)!
const serverIn = (traffic: Traffic, upstream: string, name: string) =>
  upstreamIn(traffic, upstream).servers.find((server) => server.name === name)
const requestsOf = (stream: AdminStream, upstream: string, server: string) =>
  total(stream, (traffic) => serverIn(traffic, upstream, server)?.requests ?? 0)
/** The stickiness of the seconds that had any. */
const stickinessIn = (stream: AdminStream) => shown(stream).flatMap(({ traffic }) => traffic.now.stickiness ?? [])

/** A server that answers with its name, and with 500 where the path says so; it counts its requests. */
async function countingOrigin(t: TestContext, name: string) {
  const origin = await httpOrigin(t, (request, response) => {
    counted.requests++
    response.statusCode = request.url!.includes('bad') ? 500 : 200
    request.resume().on('end', () => response.end(name))
  })
  const counted = { origin, requests: 0 }
  return counted
}

const twoServers = (a: Origin, b: Origin, more = '') => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  admin: { port: 0 }
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: cookie, secrets: [a secret of some length] }
      servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
      ${more}
`

test('the reasons of the last minutes add up to what was sent, by upstream', async (t) => {
  const [a, b, c] = [await countingOrigin(t, 'a'), await countingOrigin(t, 'b'), await countingOrigin(t, 'c')]
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    admin: { port: 0 }
    accessLog: off
    routes: [{ path: /app/*, upstream: app }, { path: /api/*, upstream: api }]
    upstreams:
      app:
        affinity: cookie
        servers: [{ name: a, address: ${a.origin.address} }, { name: b, address: ${b.origin.address} }]
      api: { servers: [{ name: c, address: ${c.origin.address} }] }
  `,
  )
  const client = await adminClient(limpet)
  const sums = async (query: { upstream?: string } = {}) => {
    const { data } = await client.GET('/v1/reasons', { params: { query } })
    const ofUpstream = ({ name, reasons }: (typeof data & {})['upstreams'][number]) => [
      name,
      Object.fromEntries(reasons.map(({ reason, recent }) => [reason, recent.reduce((sum, count) => sum + count, 0)])),
    ]
    return Object.fromEntries(data!.upstreams.map(ofUpstream))
  }
  assert.deepEqual(await sums(), { app: {}, api: {} })
  const user = new User()
  for (let nth = 0; nth < 12; nth++) await user.get(limpet.port, '/app/')
  for (let nth = 0; nth < 3; nth++) await user.get(limpet.port, '/api/')
  const server = a.requests > 0 ? 'a' : 'b'
  const path = { upstream: 'app', server }
  await client.PATCH('/v1/upstreams/{upstream}/servers/{server}', { params: { path }, body: { admin: 'maintenance' } })
  for (let nth = 0; nth < 5; nth++) await user.get(limpet.port, '/app/')
  const expected = { new: 1, stuck: 15, 'moved:down': 1 }
  await until(async () => JSON.stringify(await sums()).includes('moved:down'))
  assert.deepEqual(await sums(), { app: expected, api: { new: 3 } })
  assert.deepEqual(await sums({ upstream: 'app' }), { app: expected })
  const unknown = await client.GET('/v1/reasons', { params: { query: { upstream: 'none' } } })
  assert.equal(unknown.response.status, 404)
})

test('the seconds add up to what was sent, of all, each upstream, each server and each route', async (t) => {
  const [a, b, c] = [await countingOrigin(t, 'a'), await countingOrigin(t, 'b'), await countingOrigin(t, 'c')]
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    admin: { port: 0 }
    accessLog: off
    routes:
      - { path: /app/*, upstream: app }
      - { path: /api/*, upstream: api, methods: [POST] }
    upstreams:
      app: { servers: [{ name: a, address: ${a.origin.address} }, { name: b, address: ${b.origin.address} }] }
      api: { servers: [{ name: c, address: ${c.origin.address} }] }
  `,
  )
  const api = await adminUrlOf(limpet)
  const stream = await AdminStream.open(t, `${api}/v1/traffic/stream`)
  let received = 0
  const send = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${limpet.url}${path}`, init)
    received += (await answer.bytes()).length
    return answer.status
  }
  for (let nth = 0; nth < 20; nth++) assert.equal(await send(`/app/${nth}`), 200)
  for (let nth = 0; nth < 5; nth++) assert.equal(await send('/app/bad'), 500)
  for (let nth = 0; nth < 7; nth++) assert.equal(await send('/api/', { method: 'POST', body: 'x'.repeat(10) }), 200)
  for (let nth = 0; nth < 3; nth++) assert.equal(await send('/none'), 404)
  await stream.until(() => requestsIn(stream) >= 35)
  const of = (key: 'requests' | 'errors' | 'refused' | 'received' | 'sent' | 'retries') =>
    total(stream, ({ now }) => now[key])
  assert.deepEqual(
    [of('requests'), of('errors'), of('refused'), of('received'), of('sent'), of('retries')],
    [35, 5, 3, 70, received, 0],
  )
  const ofUpstream = (name: string) => total(stream, (traffic) => upstreamIn(traffic, name).requests)
  assert.deepEqual([ofUpstream('app'), ofUpstream('api')], [25, 7])
  assert.deepEqual(
    [requestsOf(stream, 'app', 'a'), requestsOf(stream, 'app', 'b'), requestsOf(stream, 'api', 'c')],
    [a.requests, b.requests, c.requests],
  )
  const ofRoute = (label: string) =>
    total(stream, ({ routes }) => routes.find(({ route }) => route === label)?.requests ?? 0)
  assert.deepEqual([ofRoute('/app/*'), ofRoute('POST /api/*')], [25, 7])
  for (const { traffic } of shown(stream)) {
    const { requests, p50, p95, p99 } = upstreamIn(traffic, 'app')
    if (requests === 0) assert.deepEqual([p50, p95, p99], [null, null, null])
    else assert.ok(p50! > 0 && p50! <= p95! && p95! <= p99!)
  }
  const last = serverIn(stream.all.at(-1), 'app', 'a')!
  assert.ok(last.latency! > 0 && Date.parse(last.lastUsed!) > Date.now() - 60_000)
  const history = TrafficHistory.parse(await (await fetch(`${api}/v1/traffic`)).json())
  const kept = history.samples.reduce((sum, { requests }) => sum + requests, 0)
  assert.equal(Math.round(kept * 1000) / 1000, 35)
  Traffic.parse(stream.all.at(-1))
})

test('requests in flight, WebSockets, connections and the queue are as they are at that moment', async (t) => {
  const held: (() => void)[] = []
  const origin = await httpOrigin(t, (_request, response) => {
    held.push(() => response.end())
  })
  const chat = new WebSocketServer({ server: origin.server as never })
  t.after(() => chat.close())
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    admin: { port: 0 }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { queue: { size: 10, timeout: 60s }, servers: [{ name: a, address: ${origin.address}, maxConnections: 2 }] } }
  `,
  )
  const api = await adminUrlOf(limpet)
  const present = async () => Traffic.parse(await (await fetch(`${api}/v1/traffic`)).json())
  const socket = new WebSocket(limpet.url.replace('http', 'ws'))
  await new Promise((opened) => socket.once('open', opened))
  const asked = [new User().get(limpet.port), new User().get(limpet.port)]
  await until(async () => (await present()).upstreams[0]!.queued === 1)
  const { upstreams } = await present()
  const [app] = upstreams
  assert.deepEqual([app!.inFlight, app!.tunnels, app!.queued], [2, 1, 1])
  assert.deepEqual([app!.servers[0]!.inFlight, app!.servers[0]!.tunnels], [2, 1])
  await until(async () => {
    const { now } = await present()
    return now.inFlight === 2 && now.tunnels === 1 && now.queued === 1 && now.connections === 3
  })
  await until(() => held.length > 0)
  held.pop()!()
  await until(() => held.length > 0)
  held.pop()!()
  await Promise.all(asked)
  socket.terminate()
  await until(async () => {
    const { now, upstreams } = await present()
    return now.inFlight + now.tunnels + now.queued + upstreams[0]!.inFlight === 0
  })
})

test('a killed server gets nothing more, retries are counted, and sessions that had to move lower the stickiness', async (t) => {
  const [a, b] = [await namedOrigin(t, 'a'), await namedOrigin(t, 'b')]
  const limpet = await startLimpet(t, twoServers(a, b))
  const api = await adminUrlOf(limpet)
  const users = Array.from({ length: 6 }, () => new User())
  const stream = await AdminStream.open(t, `${api}/v1/traffic/stream?upstream=app`)
  for (const user of users) await user.get(limpet.port)
  for (const user of users) await user.get(limpet.port)
  await stream.until((all) => requestsIn(stream) === 12 && all.at(-1).now.sessions === 6)
  assert.deepEqual(new Set(stickinessIn(stream)), new Set([1]))
  await a.kill()
  for (const user of users) assert.match((await user.get(limpet.port)).body, /^b /)
  await stream.until(() => requestsIn(stream) === 18)
  assert.ok(Math.min(...stickinessIn(stream)) < 1)
  const twice = await limpet.log.matching(/ 502, 200 /, 1)
  assert.equal(
    total(stream, ({ now }) => now.retries),
    twice.length,
  )
  assert.equal(
    total(stream, (traffic) => upstreamIn(traffic, 'app').retries),
    twice.length,
  )
  const onA = requestsOf(stream, 'app', 'a')
  for (const user of users) await user.get(limpet.port)
  await stream.until(() => requestsIn(stream) === 24)
  assert.equal(requestsOf(stream, 'app', 'a'), onA)
})

test('a drain is seen: new users go elsewhere, and those who were there stay', async (t) => {
  const [a, b] = [await namedOrigin(t, 'a'), await namedOrigin(t, 'b')]
  const limpet = await startLimpet(t, twoServers(a, b))
  const client = await adminClient(limpet)
  const stream = await AdminStream.open(t, `${await adminUrlOf(limpet)}/v1/traffic/stream?upstream=app`)
  const known = [new User(), new User()]
  const homes = await Promise.all(known.map(async (user) => (await user.get(limpet.port)).body[0]))
  const onA = known[homes.indexOf('a')]!
  const params = { path: { upstream: 'app', server: 'a' } }
  const path = '/v1/upstreams/{upstream}/servers/{server}'
  assert.equal((await client.PATCH(path, { params, body: { admin: 'drain' } })).response.status, 200)
  for (let nth = 0; nth < 5; nth++) await new User().get(limpet.port)
  for (let nth = 0; nth < 3; nth++) await onA.get(limpet.port)
  await stream.until(() => requestsIn(stream) === 10)
  assert.deepEqual([requestsOf(stream, 'app', 'a'), requestsOf(stream, 'app', 'b')], [4, 6])
  assert.deepEqual(new Set(stickinessIn(stream)), new Set([1]))
})

test('only the servers of upstreams that were asked for are shown, and an upstream that is not there is named', async (t) => {
  const a = await namedOrigin(t, 'a')
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { port: 0 }
    routes: [{ path: /*, upstream: app }, { path: /api/*, upstream: api }]
    upstreams: { app: { servers: [${a.address}] }, api: { servers: [${a.address}] } }
  `,
  )
  const api = await adminUrlOf(limpet)
  const serversShown = async (query: string) => {
    const { upstreams } = Traffic.parse(await (await fetch(`${api}/v1/traffic${query}`)).json())
    return upstreams.map(({ name, servers }) => `${name} ${servers.length}`)
  }
  assert.deepEqual(await serversShown(''), ['app 1', 'api 1'])
  assert.deepEqual(await serversShown('?upstream=api'), ['app 0', 'api 1'])
  assert.deepEqual(await serversShown('?upstream=api&upstream=app'), ['app 1', 'api 1'])
  for (const path of ['/v1/traffic', '/v1/traffic/stream']) {
    const refused = await fetch(`${api}${path}?upstream=ap`)
    assert.equal(refused.status, 404)
    assert.match(await refused.text(), /there is no upstream ap; did you mean app\?/)
  }
})

describe('nothing is counted twice or lost', () => {
  test('when a worker dies', async (t) => {
    const a = await countingOrigin(t, 'a')
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      admin: { port: 0 }
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [{ name: a, address: ${a.origin.address} }] } }
    `
    const { balancer, workers } = await startBalancer(t, config)
    const [{ port }] = balancer.listeners as [PortListener]
    const { port: adminPort } = balancer.adminPlace as AdminPlace & PortPlace
    const stream = await AdminStream.open(t, `http://127.0.0.1:${adminPort}/v1/traffic/stream`)
    for (let nth = 0; nth < 3; nth++) await new User().get(port)
    // A request is counted after its answer is on its way.
    await stream.until(() => requestsIn(stream) === 3)
    await replace(workers[0]!)
    for (let nth = 0; nth < 4; nth++) await new User().get(port)
    await stream.until(() => requestsIn(stream) >= 7)
    assert.equal(requestsIn(stream), 7)
    for (const { now } of stream.all) assert.ok(now.requests >= 0 && now.connections >= 0)
  })

  test('when a server is removed and its place is given to another', async (t) => {
    const [a, b] = [await countingOrigin(t, 'a'), await countingOrigin(t, 'b')]
    const limpet = await startLimpet(t, twoServers(a.origin, a.origin).replace('workers: 2', 'workers: 1'))
    const client = await adminClient(limpet)
    const path = '/v1/upstreams/{upstream}/servers/{server}'
    const stream = await AdminStream.open(t, `${await adminUrlOf(limpet)}/v1/traffic/stream?upstream=app`)
    for (let nth = 0; nth < 6; nth++) await new User().get(limpet.port)
    for (const server of ['b', 'c', 'd']) {
      await client.DELETE(path, { params: { path: { upstream: 'app', server } } })
      const next = String.fromCharCode(server.charCodeAt(0) + 1)
      const params = { path: { upstream: 'app', server: next } }
      await client.PUT(path, { params, body: { address: b.origin.address } })
      for (let nth = 0; nth < 6; nth++) await new User().get(limpet.port)
    }
    await stream.until(() => requestsIn(stream) >= 24)
    assert.equal(requestsIn(stream), 24)
    assert.equal(
      total(stream, (traffic) => upstreamIn(traffic, 'app').requests),
      24,
    )
  })

  test('when another process takes over: the stream ends whole, and goes on there', onLinux, async (t) => {
    const a = await countingOrigin(t, 'a')
    const limpet = await startLimpet(t, twoServers(a.origin, a.origin))
    const api = await adminUrlOf(limpet)
    const streams = ['/v1/traffic/stream', '/v1/requests/stream', '/v1/events']
    const before = await Promise.all(streams.map((path) => AdminStream.open(t, `${api}${path}`)))
    await new User().get(limpet.port)
    await before[0]!.until(() => requestsIn(before[0]!) === 1)
    await upgrade(t, limpet)
    assert.deepEqual(await Promise.all(before.map(({ ended }) => ended)), [true, true, true])
    const after = await AdminStream.open(t, `${api}/v1/traffic/stream`)
    for (let nth = 0; nth < 3; nth++) await new User().get(limpet.port)
    await after.until(() => requestsIn(after) >= 3)
    assert.equal(requestsIn(after), 3)
  })
})

test('streams end whole when Limpet stops', async (t) => {
  const a = await namedOrigin(t, 'a')
  const limpet = await startLimpet(t, twoServers(a, a))
  const stream = await AdminStream.open(t, `${await adminUrlOf(limpet)}/v1/traffic/stream`)
  await stream.until((all) => all.length > 1)
  limpet.process.kill()
  assert.equal(await stream.ended, true)
  assert.equal(await limpet.exit, 0)
})
