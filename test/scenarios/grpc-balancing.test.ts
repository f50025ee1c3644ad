/** Calls of gRPC are balanced, kept with their session, drained and judged one by one, whatever connection they come by. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { credentials, ServerCredentials, status } from '@grpc/grpc-js'
import { adminOf } from '../support/admin.ts'
import { TestAuthority } from '../support/certificates.ts'
import { temporaryFolder } from '../support/folder.ts'
import { GrpcClient, GrpcService, type Wish } from '../support/grpc-service.ts'
import { startLimpet } from '../support/limpet.ts'

const X = Buffer.from('x')

/** Two servers, `a` and `b`, and Limpet in front of them. */
async function arrange(t: TestContext, upstream: object = {}, format = 'combined') {
  const services = { a: await GrpcService.start(t, 'a'), b: await GrpcService.start(t, 'b') }
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
    workers: 2,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: {
        protocol: 'h2c',
        servers: [
          { name: 'a', address: services.a.address },
          { name: 'b', address: services.b.address },
        ],
        ...upstream,
      },
    },
    accessLog: { format },
  })
  return { limpet, services, client: () => new GrpcClient(t, `127.0.0.1:${limpet.port}`) }
}

async function serverOf(client: GrpcClient, wish: Wish = {}): Promise<string> {
  const { code, initial } = await client.unary(X, wish).over()
  assert.equal(code, status.OK)
  return String(initial.get('x-server')[0])
}

test('calls on one connection go to all servers in turn', async (t) => {
  const { client, limpet } = await arrange(t, {}, 'json')
  const one = client()
  const servers: string[] = []
  for (let i = 0; i < 6; i++) servers.push(await serverOf(one))
  assert.deepEqual(servers.join(''), 'ababab')
  const [line] = await limpet.log.matching(/Interop\/Unary/, 6)
  const { protocol, request, status: http, grpcStatus, upstreamStatus, server, reason } = JSON.parse(line!)
  assert.deepEqual(
    { protocol, request, http, grpcStatus, upstreamStatus, server, reason },
    {
      protocol: 'HTTP/2.0',
      request: 'POST /limpet.test.Interop/Unary HTTP/2.0',
      http: 200,
      grpcStatus: 0,
      upstreamStatus: [200],
      server: ['a'],
      reason: 'new',
    },
  )
})

describe('a user stays on a server', () => {
  test('by a metadata field of the client', async (t) => {
    const { client } = await arrange(t, { affinity: { type: 'header', name: 'x-user' } })
    const servers = new Map<string, string>()
    for (let round = 0; round < 3; round++) {
      const one = client()
      for (let user = 0; user < 12; user++) {
        const server = await serverOf(one, { metadata: { 'x-user': `user ${user}` } })
        assert.equal(servers.get(`${user}`) ?? server, server)
        servers.set(`${user}`, server)
      }
    }
    assert.deepEqual([...new Set(servers.values())].sort(), ['a', 'b'])
  })

  test('until that is gone, and then on another', async (t) => {
    const { client, services } = await arrange(t, { affinity: { type: 'header', name: 'x-user' } })
    const one = client()
    const users = Array.from({ length: 12 }, (_, user) => ({ metadata: { 'x-user': `user ${user}` } }))
    const before: string[] = []
    for (const user of users) before.push(await serverOf(one, user))
    services.a.kill()
    for (const [index, user] of users.entries()) {
      assert.equal(await serverOf(one, user), 'b', `user ${index} was on ${before[index]}`)
    }
  })

  test('by an id that the server gives at the beginning of its answer', async (t) => {
    const { client } = await arrange(t, { affinity: { type: 'learn', from: 'header:x-echo-initial' } })
    const one = client()
    for (let user = 0; user < 6; user++) {
      const initial = `session-${user}`
      const server = await serverOf(one, { initial })
      for (let call = 0; call < 3; call++) assert.equal(await serverOf(client(), { initial }), server)
    }
  })
})

test('a server that drains keeps its streams, and gets no new calls', async (t) => {
  const { client, limpet, services } = await arrange(t)
  const ask = await adminOf(limpet)
  const one = client()
  const streams = [one.bidi(), one.bidi()]
  for (const stream of streams) await stream.begun()
  assert.deepEqual([services.a.calls.length, services.b.calls.length], [1, 1])
  const { status: answer } = await ask('PUT', '/v1/upstreams/app/servers/a/drain', {})
  assert.ok(answer < 300, `${answer}`)
  for (let i = 0; i < 4; i++) assert.equal(await serverOf(one), 'b')
  for (const stream of streams) {
    stream.send(X)
    await stream.messages(1)
    stream.end()
    assert.equal((await stream.over()).code, status.OK)
  }
})

describe('a server that must be empty ends the calls that are left on it with UNAVAILABLE, and others go on', () => {
  const GONE = [status.UNAVAILABLE, 'The server is going out of service']
  const emptiers = {
    'at the deadline of its drain': ['PUT', '/v1/upstreams/app/servers/a/drain', { deadline: '1s' }],
    'at the deadline after its removal': ['DELETE', '/v1/upstreams/app/servers/a', undefined],
  } as const
  for (const [when, [verb, path, body]] of Object.entries(emptiers)) {
    test(when, async (t) => {
      const drain = { deadline: '1s', spread: '0s' }
      const { client, limpet, services } = await arrange(t, { drain, timeouts: { firstByte: '4s' } })
      const ask = await adminOf(limpet)
      const one = client()
      // Each in turn: two on either server.
      const streams = [one.bidi(), one.bidi(), one.bidi({ bare: true }), one.bidi({ bare: true })]
      for (const stream of streams.slice(0, 2)) await stream.begun()
      await Promise.all([services.a, services.b].map((service) => service.until(() => service.calls.length === 2)))
      // A single call is not cut: its server owes it an answer, and `firstByte` is the end of that.
      const single = [one.unary(X, { bare: true, hangs: true }), one.unary(X, { bare: true, hangs: true })]
      await services.a.until(() => services.a.calls.length === 3)
      const { status: answer } = await ask(verb, path, body)
      assert.ok(answer < 300, `${answer}`)
      const left = await Promise.race([streams[0]!.over().then(() => 0), streams[1]!.over().then(() => 1)])
      for (const stream of [streams[left]!, streams[left + 2]!]) {
        const { code, details } = await stream.over()
        assert.deepEqual([code, details], GONE)
      }
      await services.a.until(() => services.a.cancelled >= 2)
      const other = streams[1 - left]!
      other.send(X)
      await other.messages(1)
      other.end()
      assert.equal((await other.over()).code, status.OK)
      for (const call of single) assert.equal((await call.over()).code, status.DEADLINE_EXCEEDED)
    })
  }
})

describe('health.outlier', () => {
  const outlier = { consecutive5xx: 3, ejectFor: '1h', maxEjectFor: '1h', errorRate: '0%' }

  test('counts answers that are nothing but a status of the server', async (t) => {
    const { client, limpet } = await arrange(t, { health: { outlier } })
    const one = client()
    for (let i = 0; i < 6; i++) {
      // Every other call goes to a.
      await one.unary(X, i % 2 === 0 ? { status: status.UNAVAILABLE, bare: true } : {}).over()
    }
    await limpet.errors.find(/server a is ejected/)
    for (let i = 0; i < 4; i++) assert.equal(await serverOf(one), 'b')
  })

  test('does not count those of the application', async (t) => {
    const { client } = await arrange(t, { health: { outlier } })
    const one = client()
    for (let i = 0; i < 20; i++) await one.unary(X, { status: status.NOT_FOUND, bare: true }).over()
    const servers = [await serverOf(one), await serverOf(one)]
    assert.deepEqual(servers.sort(), ['a', 'b'])
  })
})

test('with TLS on both sides', async (t) => {
  const authority = await TestAuthority.create()
  const folder = await temporaryFolder(t)
  const { cert, key } = await authority.issue(['localhost', '127.0.0.1'])
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), ca: join(folder, 'ca.pem') }
  await Promise.all([writeFile(files.cert, cert), writeFile(files.key, key), writeFile(files.ca, authority.ca)])
  const pair = [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }]
  const service = await GrpcService.start(t, 'secure', ServerCredentials.createSsl(null, pair))
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0, tls: { certificates: [{ cert: files.cert, key: files.key }] } }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: { protocol: 'h2', tls: { ca: files.ca, serverName: 'localhost' }, servers: [service.address] },
    },
    accessLog: 'off',
  })
  const client = new GrpcClient(t, `localhost:${limpet.port}`, {}, credentials.createSsl(Buffer.from(authority.ca)))
  assert.equal(await serverOf(client), 'secure')
  const call = client.bidi()
  call.send(X)
  await call.messages(1)
  call.end()
  assert.equal((await call.over()).code, status.OK)
})
