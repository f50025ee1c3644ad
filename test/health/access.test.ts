/** Health checks by TLS, by HTTP/2, and of gRPC's health service. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Access, accessTo } from '../../src/health/access.ts'
import { probeServer } from '../../src/health/probe.ts'
import type { Check } from '../../src/runtime/health-settings.ts'
import type { Server as Backend, Upstream } from '../../src/runtime/snapshot.ts'
import { TestAuthority } from '../support/certificates.ts'
import { rawOrigin } from '../support/origin.ts'

const authority = await TestAuthority.create()
const pem = await authority.issue(['localhost', '127.0.0.1'])
const signal = new AbortController().signal

const timing = { interval: 1000, jitter: 0, timeout: 1000, rise: 1, fall: 1, initial: 'up' } as const
const request = {
  ...timing,
  type: 'http',
  method: 'GET',
  path: '/health',
  headers: {},
  status: [{ from: 200, to: 299 }],
} as const
const tcp = { ...timing, type: 'tcp' } as const
const grpc = { ...timing, type: 'grpc', service: 'shop.Orders', headers: {} } as const

/** Listens until the test ends. Resolves to the port. */
async function listen(t: TestContext, server: Server | Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

function accessAt(port: number, upstream: Partial<Upstream>, check: Check): Access {
  const server = { endpoint: { host: '127.0.0.1', port } } as Backend
  return accessTo(upstream as Upstream, server, check)
}

function verdictAt(port: number, upstream: Partial<Upstream>, check: Check) {
  return probeServer(check, accessAt(port, upstream, check), signal)
}

/** The fields and the first byte of an answer of the health service. */
function serving(status: number) {
  return (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]))
  }
}

const tls = { ca: authority.ca, verify: true }

test('by HTTP/1.1 and TLS, if the upstream has TLS', async (t) => {
  const server = createHttpsServer(pem, ({ url, headers }, response) => response.end(`${url} ${headers.host}`))
  const port = await listen(t, server)
  const check = { ...request, body: `/health 127.0.0.1:${port}` }
  assert.deepEqual(await verdictAt(port, { tls }, check), { passed: true, cause: 'GET /health answered 200' })
})

test('by HTTP/2, if the upstream speaks that', async (t) => {
  for (const [protocol, server] of [
    ['h2', createSecureServer(pem)],
    ['auto', createSecureServer(pem)],
    ['h2c', createHttp2Server()],
  ] as const) {
    server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200 })
      stream.end(`${headers[':scheme']} ${headers[':path']}`)
    })
    const port = await listen(t, server)
    const upstream = protocol === 'h2c' ? { protocol } : { protocol, tls }
    const check = { ...request, body: protocol === 'h2c' ? 'http /health' : 'https /health' }
    assert.deepEqual(await verdictAt(port, upstream, check), { passed: true, cause: 'GET /health answered 200' })
  }
})

test('a check may say otherwise: without TLS, or by TLS, or by another protocol', async (t) => {
  const plain = await rawOrigin(t, (socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n')))
  assert.ok((await verdictAt(plain.port, { protocol: 'h2', tls }, { ...request, tls: false })).passed)
  const http2 = createHttp2Server().on('stream', (stream: ServerHttp2Stream) =>
    stream.respond({ ':status': 204 }, { endStream: true }),
  )
  assert.ok((await verdictAt(await listen(t, http2), {}, { ...request, protocol: 'h2c' })).passed)
  const secure = createHttpsServer(pem, (_, response) => response.end())
  const port = await listen(t, secure)
  const { passed, cause } = await verdictAt(port, {}, { ...request, tls: true })
  assert.equal(passed, false)
  assert.match(cause, /^GET \/health: unable to .*; set tls: \{ ca \}/)
})

test('fails with what OpenSSL says where the certificate is not valid, and with what to set', async (t) => {
  const port = await listen(t, createHttpsServer(pem))
  const other = await TestAuthority.create('CN=Other')
  const { passed, cause } = await verdictAt(port, { tls: { ca: other.ca, verify: true } }, tcp)
  assert.equal(passed, false)
  assert.match(cause, new RegExp(`^TLS on TCP port ${port}: unable to .*; set tls: \\{ ca \\} to `))
})

test('of a connection includes the handshake', async (t) => {
  const arrived = Promise.withResolvers<void>()
  const silent = await rawOrigin(t, () => arrived.resolve())
  const controller = new AbortController()
  const verdict = probeServer(tcp, accessAt(silent.port, { tls }, tcp), controller.signal)
  await arrived.promise
  controller.abort()
  assert.deepEqual(await verdict, {
    passed: false,
    cause: `TLS on TCP port ${silent.port}: no answer in time`,
    shortage: undefined,
  })
})

test('of HTTP/2 fails where the server does not agree to it', async (t) => {
  const port = await listen(t, createHttpsServer({ ...pem, ALPNProtocols: ['http/1.1'] }))
  const { passed, cause } = await verdictAt(port, { protocol: 'h2', tls }, request)
  assert.equal(passed, false)
  assert.match(cause, /^GET \/health: .*(?:ALPN|application protocol)/)
})

test('of gRPC passes if the service is SERVING, with and without TLS', async (t) => {
  const asked: unknown[] = []
  const answer = (stream: ServerHttp2Stream, headers: NodeJS.Dict<unknown>) => {
    stream.on('data', (bytes: Buffer) => {
      asked.push([headers[':method'], headers[':path'], headers['content-type'], headers.te, bytes.toString('latin1')])
      serving(1)(stream)
    })
  }
  const cause = 'gRPC health of shop.Orders is SERVING'
  const plain = await listen(t, createHttp2Server().on('stream', answer))
  assert.deepEqual(await verdictAt(plain, {}, grpc), { passed: true, cause })
  const secure = await listen(t, createSecureServer(pem).on('stream', answer))
  assert.deepEqual(await verdictAt(secure, { tls }, grpc), { passed: true, cause })
  const question = [
    'POST',
    '/grpc.health.v1.Health/Check',
    'application/grpc',
    'trailers',
    '\0\0\0\0\x0d\x0a\x0bshop.Orders',
  ]
  assert.deepEqual(asked, [question, question])
})

for (const [what, answer, cause] of [
  ['NOT_SERVING', serving(2), 'gRPC health of shop.Orders is NOT_SERVING'],
  [
    'a service that the server does not know',
    (stream: ServerHttp2Stream) =>
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true }),
    'gRPC health of shop.Orders answered grpc-status NOT_FOUND: the server does not know the service',
  ],
  [
    'a server that is no gRPC server',
    (stream: ServerHttp2Stream) => stream.respond({ ':status': 404 }, { endStream: true }),
    'gRPC health of shop.Orders answered 404',
  ],
  [
    'an answer without a message',
    (stream: ServerHttp2Stream) => stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true }),
    'gRPC health of shop.Orders is UNKNOWN',
  ],
] as const) {
  test(`of gRPC fails for ${what}`, async (t) => {
    const port = await listen(t, createHttp2Server().on('stream', answer))
    assert.deepEqual(await verdictAt(port, {}, grpc), { passed: false, cause })
  })
}
