/** Traces: what servers are told of them, and what a collector gets, read by the official definitions of OTLP. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { join } from 'node:path'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { WebSocket, WebSocketServer } from 'ws'
import { freePort } from '../../bench/free-port.ts'
import { Tracer } from '../../src/exchange/tracer.ts'
import { type CollectedSpan, Collector } from '../support/collector.ts'
import { temporaryFolder } from '../support/folder.ts'
import { GrpcClient, GrpcService } from '../support/grpc-service.ts'
import { HoldingOrigin } from '../support/holding-origin.ts'
import { Http2User } from '../support/http2-user.ts'
import { loggedRequest, startLimpet } from '../support/limpet.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { listen } from '../support/server-kinds.ts'
import { throughTo } from '../support/through.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ok>'
const TRACE = `${'a'.repeat(31)}1`
const PARENT = `${'b'.repeat(15)}2`

/** What a server got as `traceparent`: `00-(trace)-(parent)-(flags)`. */
function traceparentIn(head: string): { traceId: string; parentId: string; flags: string } {
  const lines = head.match(/^traceparent:.*$/gim) ?? []
  assert.equal(lines.length, 1, head)
  const match = /^traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/i.exec(lines[0]!.trim())
  assert.ok(match, lines[0])
  return { traceId: match[1]!, parentId: match[2]!, flags: match[3]! }
}

/** What is the same for all tests of a kind, and not of interest. */
function essence({ kind, name, attributes, status }: CollectedSpan): object {
  const kept = Object.entries(attributes).filter(([key]) => /^(?:http|error|limpet|rpc)\./.test(key))
  return { kind, name, status, ...Object.fromEntries(kept) }
}

test('an exchange is the child of its client, and the parent of its attempt, which its server is told', async (t) => {
  const collector = await Collector.start(t)
  const { limpet, origin, client } = await throughTo(t, {
    tracing: { endpoint: collector.url },
    accessLog: { format: 'json', redact: ['token'] },
  })
  client.say(
    `GET /a%20b?c=d&token=SECRET HTTP/1.1\r\nHost: Shop.example:81\r\nUser-Agent: test/1\r\nTraceparent: 00-${TRACE}-${PARENT}-01\r\ntracestate: one=1\r\nTraceState: two=2\r\n\r\n`,
  )
  const head = await origin.request()
  origin.say(OK)
  const told = traceparentIn(head)
  assert.deepEqual([told.traceId, told.flags], [TRACE, '01'])
  assert.deepEqual(head.match(/tracestate:.*/gi), ['tracestate: one=1,two=2'])
  const [server, attempt] = await collector.traceOf(TRACE, 2)
  assert.equal(server!.parentSpanId, PARENT)
  assert.equal(attempt!.parentSpanId, server!.spanId)
  assert.equal(attempt!.spanId, told.parentId)
  assert.deepEqual([server!.traceState, attempt!.traceState], ['one=1,two=2', 'one=1,two=2'])
  // The parent of an exchange is in another process, and that of an attempt is not.
  assert.deepEqual([server!.flags, attempt!.flags], [0x301, 0x101])
  assert.ok(server!.start <= attempt!.start && attempt!.start <= attempt!.end && attempt!.end <= server!.end)
  assert.ok(Math.abs(Number(server!.end / 1_000_000n) - Date.now()) < 60_000)
  assert.deepEqual([server!.kind, server!.name, server!.status], ['SPAN_KIND_SERVER', 'GET /*', 'STATUS_CODE_UNSET'])
  assert.deepEqual(server!.attributes, {
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'http.route': '/*',
    'network.protocol.version': '1.1',
    'url.scheme': 'http',
    'url.path': '/a%20b',
    'url.query': 'c=d&token=***',
    'server.address': 'Shop.example',
    'server.port': 81,
    'client.address': '127.0.0.1',
    'user_agent.original': 'test/1',
    'limpet.reason': 'new',
    'limpet.upstream': 'only',
    'limpet.server': origin.address,
  })
  assert.deepEqual([attempt!.kind, attempt!.name, attempt!.status], ['SPAN_KIND_CLIENT', 'GET', 'STATUS_CODE_UNSET'])
  assert.deepEqual(attempt!.attributes, {
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'network.protocol.version': '1.1',
    'url.full': `http://${origin.address}/a%20b?c=d&token=***`,
    'server.address': '127.0.0.1',
    'server.port': Number(origin.address.split(':')[1]),
    'limpet.upstream': 'only',
    'limpet.server': origin.address,
  })
  assert.deepEqual([server!.resource['service.name'], server!.scope.split(' ')[0]], ['limpet', 'limpet'])
  const [line] = await limpet.log.matching(/./, 1)
  const { traceId, spanId } = JSON.parse(line!)
  assert.deepEqual([traceId, spanId], [TRACE, server!.spanId])
})

test('a trace begins here where a request has none, or none in the right form', async (t) => {
  const collector = await Collector.start(t)
  const { origin, client } = await throughTo(t, { tracing: { endpoint: collector.url, serviceName: 'edge' } })
  const lines = ['', `traceparent: 00-${TRACE}-${PARENT}-1\r\ntracestate: a=b\r\n`, 'tracestate: a=b\r\n']
  for (const line of lines) {
    client.say(`GET / HTTP/1.1\r\nHost: a\r\n${line}\r\n`)
    const head = await origin.request()
    origin.say(OK)
    await client.take(/<ok>/)
    const { traceId, parentId, flags } = traceparentIn(head)
    assert.equal(flags, '03')
    assert.notEqual(traceId, TRACE)
    assert.doesNotMatch(head, /tracestate/i)
    const [server, attempt] = await collector.traceOf(traceId, 2)
    assert.deepEqual([server!.parentSpanId, server!.flags], ['', 0x103])
    assert.deepEqual([attempt!.parentSpanId, attempt!.spanId], [server!.spanId, parentId])
    assert.equal(server!.resource['service.name'], 'edge')
  }
  assert.equal(new Set(collector.spans.map(({ traceId }) => traceId)).size, lines.length)
})

test('a client that is not trusted begins no trace', async (t) => {
  const collector = await Collector.start(t)
  const { origin, client } = await throughTo(t, { tracing: { endpoint: collector.url, trust: false } })
  client.say(`GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-${TRACE}-${PARENT}-01\r\ntracestate: a=b\r\n\r\n`)
  const head = await origin.request()
  origin.say(OK)
  const { traceId } = traceparentIn(head)
  assert.notEqual(traceId, TRACE)
  assert.doesNotMatch(head, /tracestate/i)
  const [server] = await collector.traceOf(traceId, 2)
  assert.equal(server!.parentSpanId, '')
})

test('without tracing nothing is read, added or logged, and what clients say of traces passes as it is', async (t) => {
  const { limpet, origin, client } = await throughTo(t, { accessLog: 'json' })
  const fields = `TraceParent: 00-NONSENSE\r\ntraceparent: 00-${TRACE}-${PARENT}-01\r\nTraceState: FOO,=,=\r\n`
  client.say(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)
  const head = await origin.request()
  origin.say(OK)
  assert.ok(head.includes(fields), head)
  assert.equal(head.match(/trace/gi)!.length, 3)
  const [line] = await limpet.log.matching(/./, 1)
  assert.doesNotMatch(line!, /traceId|spanId/)
})

test('each attempt has a span, whose id is what its own server was told; the last one says how often it was sent before', async (t) => {
  const collector = await Collector.start(t)
  const heads: string[] = []
  const silent = await rawOrigin(t, (socket) => {
    socket.once('data', (bytes) => {
      heads.push(String(bytes))
      socket.end()
    })
  })
  const good = await httpOrigin(t, (request, response) => {
    heads.push(`traceparent: ${request.headers.traceparent}`)
    response.end('<ok>')
  })
  const dead = await freePort()
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    tracing: { endpoint: "${collector.url}" }
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        retries: { tries: 3 }
        servers:
          - { name: dead, address: 127.0.0.1:${dead}, weight: 9 }
          - { name: silent, address: ${silent.address}, weight: 3 }
          - { name: good, address: ${good.address} }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  client.say(`GET /retried HTTP/1.1\r\nHost: a\r\ntraceparent: 00-${TRACE}-${PARENT}-01\r\n\r\n`)
  await client.take(/<ok>/)
  const [server, ...attempts] = await collector.traceOf(TRACE, 4)
  assert.deepEqual(essence(server!), {
    kind: 'SPAN_KIND_SERVER',
    name: 'GET /*',
    status: 'STATUS_CODE_UNSET',
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'http.route': '/*',
    'limpet.reason': 'retry',
    'limpet.upstream': 'app',
    'limpet.server': 'good',
  })
  attempts.sort((one, other) => Number(one.start - other.start))
  const common = { kind: 'SPAN_KIND_CLIENT', name: 'GET', 'http.request.method': 'GET', 'limpet.upstream': 'app' }
  const failed = (failure: string) => ({
    status: 'STATUS_CODE_ERROR',
    'error.type': failure,
    'limpet.failure': failure,
  })
  assert.deepEqual(attempts.map(essence), [
    { ...common, ...failed('connect-failed'), 'limpet.server': 'dead' },
    { ...common, ...failed('no-answer'), 'http.request.resend_count': 1, 'limpet.server': 'silent' },
    {
      ...common,
      status: 'STATUS_CODE_UNSET',
      'http.response.status_code': 200,
      'http.request.resend_count': 2,
      'limpet.server': 'good',
    },
  ])
  assert.deepEqual(
    attempts.map(({ parentSpanId }) => parentSpanId),
    attempts.map(() => server!.spanId),
  )
  // The line about the dead server names the trace of the request that found it.
  const [line] = await limpet.errors.matching(/server dead is suspended/, 1)
  assert.equal(JSON.parse(line!).traceId, TRACE)
  // The dead server was told nothing.
  assert.deepEqual(
    heads.map((head) => traceparentIn(head).parentId),
    attempts.slice(1).map(({ spanId }) => spanId),
  )
})

test("Limpet's own answers have spans: 404 is the client's error, 503 is one", async (t) => {
  const collector = await Collector.start(t)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    tracing: { endpoint: "${collector.url}" }
    routes: [{ path: /app/*, upstream: app }]
    upstreams: { app: { servers: [{ address: "127.0.0.1:1", down: true }] } }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  client.say('BREW / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.take(/<\/html>/)
  client.get('/app/x')
  await client.take(/<\/html>/)
  const [missing, unavailable] = await collector.collected(2)
  assert.deepEqual(essence(missing!), {
    kind: 'SPAN_KIND_SERVER',
    name: 'HTTP',
    status: 'STATUS_CODE_UNSET',
    'http.request.method': '_OTHER',
    'http.request.method_original': 'BREW',
    'http.response.status_code': 404,
    'limpet.failure': 'no-route',
  })
  assert.deepEqual(essence(unavailable!), {
    kind: 'SPAN_KIND_SERVER',
    name: 'GET /app/*',
    status: 'STATUS_CODE_ERROR',
    'error.type': 'no-server',
    'http.request.method': 'GET',
    'http.response.status_code': 503,
    'http.route': '/app/*',
    'limpet.failure': 'no-server',
    'limpet.upstream': 'app',
  })
  const { traceId } = await loggedRequest(limpet, '/app/x')
  assert.equal(traceId, unavailable!.traceId)
})

test("a server's own 4xx is an error of the attempt alone, and its 5xx of both", async (t) => {
  const collector = await Collector.start(t)
  const origin = await httpOrigin(t, ({ url }, response) => response.writeHead(Number(url!.slice(1))).end('<ok>'))
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    accessLog: 'off',
    tracing: { endpoint: collector.url },
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const client = await RawClient.connect(t, limpet.port)
  const judged: unknown[] = []
  for (const [index, code] of [302, 404, 500].entries()) {
    client.get(`/${code}`)
    await client.take(/<ok>/)
    const spans = (await collector.collected(2 * index + 2)).slice(2 * index)
    judged.push(spans.map(({ status, attributes }) => [status.slice('STATUS_CODE_'.length), attributes['error.type']]))
  }
  assert.deepEqual(judged, [
    [
      ['UNSET', undefined],
      ['UNSET', undefined],
    ],
    [
      ['ERROR', '404'],
      ['UNSET', undefined],
    ],
    [
      ['ERROR', '500'],
      ['ERROR', '500'],
    ],
  ])
})

test('the client and its scheme are those that a trusted proxy names; a server may be on a Unix socket; a redirect has no attempt', async (t) => {
  const collector = await Collector.start(t)
  const path = join(await temporaryFolder(t), 'app.sock')
  await httpOrigin(t, (_, response) => response.end('<ok>'), path)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: off
    trustedProxies: [127.0.0.1]
    tracing: { endpoint: "${collector.url}" }
    routes: [{ path: /app/*, upstream: app }]
    upstreams: { app: { servers: [{ name: a, address: "unix:${path}" }] } }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  const forwarded = 'X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https'
  client.say(`GET /app/x HTTP/1.1\r\nHost: [2001:db8::1]\r\n${forwarded}\r\nConnection: traceparent\r\n\r\n`)
  await client.take(/<ok>/)
  const [attempt, exchange] = await collector.collected(2)
  const named = (span: CollectedSpan | undefined, ...names: string[]) => names.map((name) => span!.attributes[name])
  assert.deepEqual(named(exchange, 'url.scheme', 'client.address', 'server.address', 'server.port'), [
    'https',
    '192.0.2.7',
    '2001:db8::1',
    443,
  ])
  assert.deepEqual(named(attempt, 'url.full', 'server.address', 'server.port'), [
    'http://localhost/app/x',
    path,
    undefined,
  ])
  client.say('GET /app HTTP/1.0\r\n\r\n')
  await client.goodbye()
  const redirect = (await collector.collected(3))[2]
  assert.deepEqual(named(redirect, 'http.response.status_code', 'http.route', 'server.address'), [
    301,
    '/app',
    undefined,
  ])
  assert.deepEqual(named(redirect, 'network.protocol.version', 'url.scheme'), ['1.0', 'http'])
})

test('a request that waited in the queue says for how long', async (t) => {
  const collector = await Collector.start(t)
  const a = await HoldingOrigin.start(t, 'a')
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    tracing: { endpoint: "${collector.url}" }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { queue: { size: 1 }, servers: [{ name: a, address: ${a.address}, maxConnections: 1 }] } }
  `
  const limpet = await startLimpet(t, config)
  const [waiting, refused] = await Promise.all([1, 2].map(() => RawClient.connect(t, limpet.port)))
  for (const client of [waiting!, refused!]) {
    client.get('/at-once')
    await client.take(/<a>/)
  }
  await a.occupy(t, limpet.port)
  waiting!.get('/waits')
  refused!.get('/refused')
  // The place in the queue is taken by now.
  await refused!.take(/503/)
  a.answer()
  await a.hears(4)
  a.answer()
  await waiting!.take(/<a>/)
  const { queued, traceId } = await loggedRequest(limpet, '/waits')
  const [server, attempt] = await collector.traceOf(traceId, 2)
  const waited = Number(server!.attributes['limpet.queue_ms'])
  assert.ok(queued > 0 && Math.abs(waited - 1000 * queued) < 1, `${waited} ms, ${queued} s`)
  assert.ok(Number(attempt!.start - server!.start) / 1e6 >= waited - 0.1)
})

test('a client that leaves is nobody’s error', async (t) => {
  const collector = await Collector.start(t)
  const { origin, client } = await throughTo(t, {
    tracing: { endpoint: collector.url },
    timeouts: { halfClosed: '0s' },
  })
  client.say(`GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-${TRACE}-${PARENT}-01\r\n\r\n`)
  await origin.request()
  client.socket.resetAndDestroy()
  const [server, attempt] = await collector.traceOf(TRACE, 2)
  assert.deepEqual(
    [server!, attempt!].map(({ status, attributes }) => [
      status,
      attributes['error.type'],
      attributes['http.response.status_code'],
    ]),
    [
      ['STATUS_CODE_UNSET', 'client-gone', 499],
      ['STATUS_CODE_UNSET', 'client-gone', undefined],
    ],
  )
})

test('a response that is cut off is an error of both', async (t) => {
  const collector = await Collector.start(t)
  const { origin, client } = await throughTo(t, { tracing: { endpoint: collector.url } })
  client.say(`GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-${TRACE}-${PARENT}-01\r\n\r\n`)
  await origin.request()
  origin.say('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<ok>')
  await client.take(/<ok>/)
  origin.end()
  for (const { status, attributes } of await collector.traceOf(TRACE, 2)) {
    assert.deepEqual(
      [status, attributes['error.type'], attributes['http.response.status_code']],
      ['STATUS_CODE_ERROR', 'response-cut', 200],
    )
  }
})

test('the spans of a WebSocket end with it', async (t) => {
  const collector = await Collector.start(t)
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.after(() => server.close())
  await once(server, 'listening')
  const told = once(server, 'connection').then(([socket, { headers }]) => {
    socket.on('message', (message: Buffer) => socket.send(String(message)))
    return headers.traceparent as string
  })
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    accessLog: 'off',
    tracing: { endpoint: collector.url },
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [`127.0.0.1:${(server.address() as { port: number }).port}`] } },
  })
  const socket = new WebSocket(`ws://127.0.0.1:${limpet.port}/`, {
    headers: { traceparent: `00-${TRACE}-${PARENT}-01` },
  })
  await once(socket, 'open')
  socket.send('hello')
  await once(socket, 'message')
  const before = BigInt(Date.now()) * 1_000_000n
  // Another exchange ends, and is exported, while the tunnel is open.
  assert.equal((await fetch(limpet.url)).status, 426)
  await collector.collected(2)
  assert.ok(collector.spans.every(({ traceId }) => traceId !== TRACE))
  socket.close()
  const [exchange, attempt] = await collector.traceOf(TRACE, 2)
  assert.deepEqual(
    [exchange!, attempt!].map(({ status, attributes }) => [status, attributes['http.response.status_code']]),
    [
      ['STATUS_CODE_UNSET', 101],
      ['STATUS_CODE_UNSET', 101],
    ],
  )
  assert.ok(exchange!.end >= before && attempt!.end >= before)
  assert.equal((await told).split('-')[2], attempt!.spanId)
})

test('by HTTP/2 on both sides, each with its protocol', async (t) => {
  const collector = await Collector.start(t)
  const heard: IncomingHttpHeaders[] = []
  const server = createHttp2Server()
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    heard.push(headers)
    stream.respond({ ':status': 200 })
    stream.end('<ok>')
  })
  const { address } = await listen(t, server)
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
    workers: 1,
    accessLog: 'off',
    tracing: { endpoint: collector.url },
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { protocol: 'h2c', servers: [address] } },
  })
  const user = Http2User.of(t, limpet.url)
  const traceparent = `00-${TRACE}-${PARENT}-03`
  await user.ask({ ':path': '/a?b', traceparent, tracestate: ['one=1', 'two=2'] as unknown as string })
  const [exchange, attempt] = await collector.traceOf(TRACE, 2)
  assert.deepEqual(
    [exchange!, attempt!].map(({ attributes }) => attributes['network.protocol.version']),
    ['2', '2'],
  )
  assert.deepEqual(
    [exchange!.attributes['server.address'], exchange!.attributes['server.port'], exchange!.attributes['url.path']],
    ['127.0.0.1', limpet.port, '/a'],
  )
  assert.deepEqual([heard[0]!.traceparent, heard[0]!.tracestate], [`00-${TRACE}-${attempt!.spanId}-03`, 'one=1,two=2'])
})

test('a call of gRPC has its method and its status', async (t) => {
  const collector = await Collector.start(t)
  const service = await GrpcService.start(t)
  const { port } = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
    workers: 1,
    accessLog: 'off',
    tracing: { endpoint: collector.url },
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { protocol: 'h2c', servers: [service.address] } },
  })
  const client = new GrpcClient(t, `127.0.0.1:${port}`)
  const rpc = (spans: readonly CollectedSpan[]) =>
    spans.map(({ name, status, attributes }) => [
      name,
      status.slice('STATUS_CODE_'.length),
      attributes['rpc.system.name'],
      attributes['rpc.method'],
      attributes['rpc.status_code'],
    ])
  const unary = 'limpet.test.Interop/Unary'
  assert.equal((await client.unary(Buffer.from('x')).over()).code, status.OK)
  assert.deepEqual(rpc(await collector.collected(2)), [
    [unary, 'UNSET', 'grpc', unary, 'OK'],
    [unary, 'UNSET', 'grpc', unary, 'OK'],
  ])
  assert.equal((await client.unary(Buffer.from('x'), { status: status.NOT_FOUND }).over()).code, status.NOT_FOUND)
  assert.deepEqual(rpc((await collector.collected(4)).slice(2)), [
    [unary, 'ERROR', 'grpc', unary, 'NOT_FOUND'],
    [unary, 'UNSET', 'grpc', unary, 'NOT_FOUND'],
  ])
  assert.equal((await client.unimplemented(Buffer.from('x')).over()).code, status.UNIMPLEMENTED)
  const unknown = (await collector.collected(6)).slice(4)
  assert.deepEqual(rpc(unknown), [
    ['POST', 'ERROR', 'grpc', '_OTHER', 'UNIMPLEMENTED'],
    ['POST /*', 'ERROR', 'grpc', '_OTHER', 'UNIMPLEMENTED'],
  ])
  assert.equal(unknown[1]!.attributes['rpc.method_original'], 'limpet.test.Interop/Unimplemented')
})

test('the standing of the session, and why the request went to its server', async (t) => {
  const collector = await Collector.start(t)
  const origin = await httpOrigin(t, (_, response) => response.end('<ok>'))
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    accessLog: 'off',
    tracing: { endpoint: collector.url },
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { affinity: { type: 'cookie', name: 'tie' }, servers: [origin.address] } },
  })
  const first = await fetch(limpet.url)
  const cookie = first.headers.get('set-cookie')!.split(';')[0]!
  await fetch(limpet.url, { headers: { cookie } })
  await fetch(limpet.url, { headers: { cookie: 'tie=forged' } })
  const exchanges = (await collector.collected(6)).filter(({ kind }) => kind === 'SPAN_KIND_SERVER')
  assert.deepEqual(
    exchanges.map(({ attributes }) => [attributes['limpet.session.standing'], attributes['limpet.reason']]),
    [
      ['new', 'new'],
      ['known', 'stuck'],
      ['invalid', 'invalid'],
    ],
  )
})

test('two workers: of the traces that begin here, exactly those are exported whose ids are in the share', async (t) => {
  const SHARE = 30
  const tracer = new Tracer({ sample: SHARE / 100, trust: true })
  const collector = await Collector.start(t)
  const told: string[] = []
  const origin = await httpOrigin(t, ({ headers }, response) => {
    told.push(String(headers.traceparent))
    response.end('<ok>')
  })
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 2,
    accessLog: 'off',
    tracing: { endpoint: collector.url, sample: `${SHARE}%` },
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(t, limpet.port)))
  for (let turn = 0; turn < 50; turn++) {
    for (const client of clients) client.get('/')
    await Promise.all(clients.map((client) => client.take(/<ok>/)))
  }
  // What a client has begun is exported as the client says.
  const asked = async (flags: string) => {
    clients[0]!.say(`GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-${TRACE}-${PARENT}-${flags}\r\n\r\n`)
    await clients[0]!.take(/<ok>/)
  }
  await asked('00')
  await asked('01')
  const wanted = told.slice(0, 500).filter((each) => tracer.samples(each.split('-')[1]!))
  for (const each of told.slice(0, 500)) assert.equal(each.endsWith('-03'), wanted.includes(each), each)
  assert.deepEqual(
    told.slice(500).map((each) => each.slice(-2)),
    ['00', '01'],
  )
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
  const exported = collector.spans.filter(({ kind }) => kind === 'SPAN_KIND_SERVER').map(({ traceId }) => traceId)
  assert.deepEqual(exported.toSorted(), [...wanted.map((each) => each.split('-')[1]!), TRACE].toSorted())
  assert.equal(collector.spans.length, 2 * exported.length)
  assert.ok(wanted.length > 100 && wanted.length < 200)
})
