/** The tail of the requests, and why one of them goes where it goes. */
import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import type { AdminPlace, PortPlace } from '../../src/admin/admin-listener.ts'
import { Explanation } from '../../src/admin/planning.ts'
import { TailedRequest } from '../../src/admin/request-tail.ts'
import type { PortListener } from '../../src/runtime/snapshot.ts'
import { AdminStream } from '../support/admin-stream.ts'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, loggedRequest, startLimpet } from '../support/limpet.ts'
import { httpOrigin, namedOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { replace, startBalancer } from '../support/terminable-balancer.ts'
import { getFrom } from '../support/unix-client.ts'
import { User } from '../support/user.ts'

/** Two servers, whose answers have the status that the query asks for; sessions by cookie, by a parameter, by a segment and learnt. */
async function running(t: TestContext) {
  const [a, b] = [await answering(t, 'a'), await answering(t, 'b')]
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    admin: { port: 0 }
    accessLog: { format: json, redact: [token] }
    trustedProxies: [127.0.0.1]
    limits: { headSize: 64kB }
    routes:
      - { path: /*, upstream: app }
      - { path: /keyed/*, upstream: keyed }
      - { path: /rooms/*, upstream: rooms }
      - { path: /chat/*, upstream: chat }
      - { path: /by-address/*, upstream: address }
      - { path: /ids/*, upstream: ids }
    upstreams:
      app:
        affinity: { type: cookie, secrets: [a secret of some length] }
        servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
      keyed: { affinity: { type: query, name: user }, servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }] }
      rooms: { affinity: { type: path, pattern: /rooms/:room }, servers: [${a.address}, ${b.address}] }
      chat: { affinity: { type: learn, from: socket.io }, servers: [${a.address}, ${b.address}] }
      ids: { affinity: { type: server-id, from: ["path:jsessionid", "query:id"] }, servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }] }
      address: { affinity: ip-hash, servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }] }
  `,
  )
  const api = await adminUrlOf(limpet)
  const tail = (query = '') => AdminStream.open(t, `${api}/v1/requests/stream${query}`)
  const post = (path: string, body?: unknown) => {
    const json =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }
    return fetch(`${api}${path}`, { method: 'POST', ...json })
  }
  const explain = (id: string) => post(`/v1/requests/${encodeURIComponent(id)}/explain`)
  return { limpet, api, tail, post, explain }
}

function answering(t: TestContext, name: string) {
  return httpOrigin(t, ({ url }, response) => {
    response.statusCode = Number(/status=(\d+)/.exec(url!)?.[1] ?? 200)
    response.end(name)
  })
}

test('a request is shown as the access log has it', async (t) => {
  const { limpet, tail } = await running(t)
  const stream = await tail()
  await new User().get(limpet.port, '/shown?page=2&token=hidden', { Host: 'shop.example' })
  await stream.until((all) => all.length === 1)
  const shown = TailedRequest.parse(stream.all[0])
  const logged = await loggedRequest(limpet, '/shown\\?page=2&token=\\*+')
  assert.deepEqual(shown, {
    id: logged.requestId,
    at: shown.at,
    client: '127.0.0.1',
    method: 'GET',
    host: 'shop.example',
    path: '/shown?page=2&token=***',
    protocol: 'HTTP/1.1',
    status: 200,
    bytes: 1,
    ms: shown.ms,
    queued: 0,
    route: '/*',
    upstream: 'app',
    server: logged.server[0],
    attempts: 1,
    reason: 'new',
    failure: null,
  })
  assert.ok(Math.abs(Date.parse(shown.at) + shown.ms - Date.parse(logged.time)) < 1000)
})

test('each filter shows its requests and no others', async (t) => {
  const { limpet, tail } = await running(t)
  const wanted: [query: string, paths: string[]][] = [
    ['', ['/1', '/2?status=503', '/3?status=404', '/4', '/keyed/5?user=***', '/keyed/6']],
    ['?method=POST', ['/4']],
    ['?status=503', ['/2?status=503']],
    ['?status=4xx', ['/3?status=404']],
    ['?upstream=keyed', ['/keyed/5?user=***', '/keyed/6']],
    ['?path=status%3D', ['/2?status=503', '/3?status=404']],
    ['?upstream=app&status=2xx&method=GET', ['/1']],
    ['?reason=stuck', ['/keyed/5?user=***']],
    ['?reason=moved', []],
    ['?server=none', []],
  ]
  const streams = await Promise.all(wanted.map(([query]) => tail(query)))
  for (const path of ['/1', '/2?status=503', '/3?status=404']) await new User().get(limpet.port, path)
  await fetch(`${limpet.url}/4`, { method: 'POST' })
  await new User().get(limpet.port, '/keyed/5?user=mia')
  await new User().get(limpet.port, '/keyed/6')
  for (const [index, [query, paths]] of wanted.entries()) {
    await streams[index]!.until((all) => all.length >= paths.length)
    assert.deepEqual(streams[index]!.all.map(({ path }) => path).sort(), [...paths].sort(), query)
  }
  const servers = new Set(streams[0]!.all.map(({ server }) => server))
  assert.deepEqual([...servers].sort(), ['a', 'b'])
})

test('a server shows the requests whose last attempt it was, after one that failed', async (t) => {
  const a = await namedOrigin(t, 'a')
  const b = await namedOrigin(t, 'b')
  await a.kill()
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { port: 0 }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }] } }
  `,
  )
  const stream = await AdminStream.open(t, `${await adminUrlOf(limpet)}/v1/requests/stream?server=b&reason=retry`)
  for (let nth = 0; nth < 3; nth++) await new User().get(limpet.port)
  await stream.until((all) => all.length === 1)
  const { attempts, server, reason, status } = TailedRequest.parse(stream.all[0])
  assert.deepEqual({ attempts, server, reason, status }, { attempts: 2, server: 'b', reason: 'retry', status: 200 })
})

test('at most as many are shown in a second as were asked for', async (t) => {
  const { limpet, tail } = await running(t)
  const [few, many] = [await tail('?rate=5'), await tail('?rate=200')]
  const client = await RawClient.connect(t, limpet.port)
  client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100))
  await many.until((all) => all.length >= 50)
  const ends = few.all.map(({ at, ms }) => Date.parse(at) + ms)
  const longest = Math.max(...ends) - Math.min(...ends)
  assert.ok(few.all.length >= 1 && few.all.length <= 5 * (1 + Math.ceil(longest / 1000)), `${few.all.length}`)
})

describe('a shown request is explained', () => {
  test('as `limpet explain` would explain it, by its cookie, and no cookie is shown', async (t) => {
    const { limpet, tail, post, explain } = await running(t)
    const stream = await tail()
    const user = new User()
    await user.get(limpet.port, '/first')
    await user.get(limpet.port, '/second', { Host: 'shop.example:8080' })
    await stream.until((all) => all.length === 2)
    const answer = await explain(stream.all[1].id)
    assert.equal(answer.status, 200)
    const text = await answer.text()
    const explanation = Explanation.parse(JSON.parse(text))
    assert.deepEqual(
      [explanation.reason, explanation.server, explanation.session?.standing],
      ['stuck', stream.all[1].server, 'known'],
    )
    const [[name, value]] = [...user.cookies] as [[string, string]]
    const asked = { path: '/second', host: 'shop.example:8080', cookies: { [name]: value }, ip: '127.0.0.1' }
    assert.deepEqual(explanation, await (await post('/v1/explain', asked)).json())
    for (const shown of [text, stream.heard]) assert.ok(!shown.includes(value))
  })

  test('by the address that a trusted proxy names', async (t) => {
    const { limpet, tail, post, explain } = await running(t)
    const stream = await tail('?upstream=address')
    for (let nth = 1; nth <= 8; nth++) {
      const ip = `203.${nth}.113.9`
      await new User().get(limpet.port, '/by-address/', { 'X-Forwarded-For': ip })
      await stream.until((all) => all.length === nth)
      const { id, client, server } = stream.all.at(-1)
      const explanation = Explanation.parse(await (await explain(id)).json())
      assert.deepEqual([client, explanation.request.ip, explanation.server], [ip, ip, server])
      const asked = { path: '/by-address/', host: explanation.request.host, ip }
      assert.deepEqual(explanation, await (await post('/v1/explain', asked)).json())
    }
  })

  test('by the id that its client has chosen; of two with the same id, the later one', async (t) => {
    const { limpet, tail, explain } = await running(t)
    const stream = await tail()
    for (const path of ['/keyed/', '/rooms/1/']) {
      await new User().get(limpet.port, path, { 'X-Request-Id': 'a/b?c%20' })
      await stream.until((all) => all.at(-1)?.path.startsWith(path.slice(0, 6)))
    }
    assert.equal(stream.all[0].id, 'a/b?c%20')
    assert.equal(((await (await explain('a/b?c%20')).json()) as Explanation).upstream?.name, 'rooms')
  })

  test('unless it was not shown, not understood, or has a head that is too large to be kept', async (t) => {
    const { limpet, tail, explain } = await running(t)
    const stream = await tail()
    const client = await RawClient.connect(t, limpet.port)
    client.say('NONSENSE\r\n\r\n')
    await client.goodbye()
    await stream.until((all) => all.length === 1)
    await new User().get(limpet.port, '/', { 'X-Long': 'x'.repeat(20_000) })
    await stream.until((all) => all.length === 2)
    const [nonsense, large] = stream.all
    assert.deepEqual([nonsense.method, nonsense.path, nonsense.status, nonsense.failure], ['', '', 400, 'bad-request'])
    assert.equal(large.upstream, 'app')
    for (const [id, status] of [
      [nonsense.id, 409],
      [large.id, 409],
      ['none', 404],
    ]) {
      assert.equal((await explain(id)).status, status)
    }
  })
})

test('what identifies a session is shown nowhere, and cannot be searched for', async (t) => {
  const { limpet, tail, explain } = await running(t)
  const [stream, search] = [await tail(), await tail('?path=secret')]
  const paths: [path: string, shown: string][] = [
    ['/keyed/?user=secret', '/keyed/?user=***'],
    ['/keyed/?%75ser=secret', '/keyed/?%75ser=***'],
    ['/rooms/secret/list', '/rooms/***/list'],
    ['/rooms//secret?a=1', '/rooms/***?a=1'],
    ['/%72ooms/%73ecret', '/rooms/***'],
    ['/rooms/', '/rooms/'],
    ['/chat/?EIO=4&transport=polling&sid=secret', '/chat/?EIO=4&transport=polling&sid=***'],
    ['/ids/cart;jsessionid=secret.a/1?b=2', '/ids/cart;jsessionid=***/1?b=2'],
    ['/ids/?id=secret.a', '/ids/?id=***'],
    ['/?token=secret', '/?token=***'],
    ['/no-secrets', '/no-secrets'],
  ]
  // One after the other: what two workers report comes in any order.
  for (const [index, [path]] of paths.entries()) {
    await new User().get(limpet.port, path)
    await stream.until((all) => all.length > index)
  }
  await search.until((all) => all.length === 1)
  assert.deepEqual(
    stream.all.map(({ path }) => path),
    paths.map(([, shown]) => shown),
  )
  assert.deepEqual(
    search.all.map(({ path }) => path),
    ['/no-secrets'],
  )
  const refused = await tail('?status=417')
  await new User().get(limpet.port, '/rooms/secret', { Expect: 'nothing' })
  await refused.until((all) => all.length === 1)
  assert.deepEqual([refused.all[0].path, refused.all[0].upstream], ['/rooms/***', null])
  await new User().get(limpet.port, '/ids/;jsessionid=secret.a', { Expect: 'nothing' })
  await refused.until((all) => all.length === 2)
  assert.deepEqual([refused.all[1].path, refused.all[1].upstream], ['/ids/;jsessionid=***', null])
  for (const { id, path } of stream.all.slice(0, paths.length - 1)) {
    const explanation = await (await explain(id)).text()
    assert.ok(!explanation.includes('secret'), explanation)
    assert.equal((JSON.parse(explanation) as Explanation).request.path, path.split('?')[0])
  }
})

test('a stranger whose paths are very long drives nobody away who watches: they are shown by their first 2048 characters', async (t) => {
  const { limpet, tail, explain } = await running(t)
  const stream = await tail('?rate=200')
  const client = await RawClient.connect(t, limpet.port)
  const long = `/${'x'.repeat(14_000)}`
  client.say(`GET ${long} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(90))
  await stream.until((all) => all.length === 90)
  for (const { path } of stream.all) assert.equal(path, `${long.slice(0, 2048)}…`)
  const explained = `/${'y'.repeat(4000)}`
  await new User().get(limpet.port, explained)
  await stream.until((all) => all.length === 91)
  const explanation = (await (await explain(stream.all[90].id)).json()) as Explanation
  assert.deepEqual([explanation.request.path, explanation.upstream?.name], [explained, 'app'])
})

test('a worker that replaces another samples, too', async (t) => {
  const { address } = await namedOrigin(t, 'a')
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    admin: { port: 0 }
    accessLog: off
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${address}] } }
  `
  const { balancer, workers } = await startBalancer(t, config)
  const [{ port }] = balancer.listeners as [PortListener]
  const { port: adminPort } = balancer.adminPlace as AdminPlace & PortPlace
  const stream = await AdminStream.open(t, `http://127.0.0.1:${adminPort}/v1/requests/stream`)
  await new User().get(port, '/before')
  await stream.until((all) => all.length === 1)
  await replace(workers[0]!)
  await new User().get(port, '/after')
  await stream.until((all) => all.length === 2)
  assert.deepEqual(
    stream.all.map(({ path }) => path),
    ['/before', '/after'],
  )
})

test('at most 16 clients watch, and the filters say what is wrong with them', async (t) => {
  const { api, tail } = await running(t)
  const streams = await Promise.all(Array.from({ length: 16 }, () => tail()))
  const busy = await fetch(`${api}/v1/requests/stream`)
  assert.equal(busy.status, 503)
  assert.match(await busy.text(), /16 clients watch the requests already/)
  assert.equal(streams.length, 16)
  const refused: [query: string, words: RegExp][] = [
    ['rate=0', /rate: expected at least 1/],
    ['rate=201', /rate: expected at most 200/],
    ['rate=x', /rate: expected a whole number/],
    ['status=600', /status: expected a status such as 404, or a class such as 5xx/],
    ['colour=red', /colour/],
  ]
  for (const [query, words] of refused) {
    const answer = await fetch(`${api}/v1/requests/stream?${query}`)
    assert.equal(answer.status, 400)
    assert.match(await answer.text(), words)
  }
})

test('by HTTP/2 and on a Unix socket, requests are shown and explained alike', async (t) => {
  const { address } = await namedOrigin(t, 'a')
  const folder = await temporaryFolder(t)
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0, h2c: true }, { address: unix:${folder}/limpet.sock }]
    admin: { port: 0 }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { affinity: ip-hash, servers: [{ name: a, address: ${address} }] } }
  `,
  )
  const api = await adminUrlOf(limpet)
  const stream = await AdminStream.open(t, `${api}/v1/requests/stream`)
  const session = connect(limpet.url)
  t.after(() => session.destroy())
  await text(session.request({ ':path': '/second?x=1', 'x-long': 'x'.repeat(5000) }))
  await stream.until((all) => all.length === 1)
  await getFrom(`${folder}/limpet.sock`)
  await stream.until((all) => all.length === 2)
  const shown = stream.all.map(({ protocol, client, path }) => [protocol, client, path])
  assert.deepEqual(shown, [
    ['HTTP/2.0', '127.0.0.1', '/second?x=1'],
    ['HTTP/1.1', 'unix:', '/'],
  ])
  for (const { id, client } of stream.all) {
    const answer = await fetch(`${api}/v1/requests/${id}/explain`, { method: 'POST' })
    const { server, request } = Explanation.parse(await answer.json())
    assert.deepEqual([server, request.ip], ['a', client])
  }
})
