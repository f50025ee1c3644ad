/** What clients of gRPC learn of failures, deadlines and timeouts, in words of gRPC. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { describe, type TestContext, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { GrpcClient, GrpcService, Relay, type Wish } from '../support/grpc-service.ts'
import { startLimpet } from '../support/limpet.ts'
import { rawOrigin } from '../support/origin.ts'

/** Limpet in front of these servers, and a client of it. */
async function through(t: TestContext, servers: readonly unknown[], settings: object = {}, upstream: object = {}) {
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
    workers: 1,
    routes: [{ path: '/limpet.test.Interop/*', upstream: 'app' }],
    upstreams: { app: { protocol: 'h2c', servers, ...upstream } },
    accessLog: { format: 'json' },
    ...settings,
  })
  return { limpet, client: new GrpcClient(t, `127.0.0.1:${limpet.port}`) }
}

const X = Buffer.from('x')
/** Where nobody listens. */
const NOBODY = '127.0.0.1:1'

describe('a call that Limpet answers itself', () => {
  test('to no route', async (t) => {
    const service = await GrpcService.start(t)
    const { client, limpet } = await through(t, [service.address])
    const { code, details } = await client.at('/other.Service/Method').over()
    assert.deepEqual([code, details], [status.UNIMPLEMENTED, 'Nothing is served under this address'])
    const entry = JSON.parse((await limpet.log.matching(/other\.Service/, 1))[0]!)
    const { request, protocol, grpcStatus } = entry
    assert.deepEqual(
      [request, protocol, entry.status, grpcStatus],
      ['POST /other.Service/Method HTTP/2.0', 'HTTP/2.0', 200, status.UNIMPLEMENTED],
    )
  })

  test('to a server that is not there', async (t) => {
    const { client } = await through(t, [NOBODY])
    const { code, details } = await client.unary(X).over()
    assert.deepEqual([code, details], [status.UNAVAILABLE, 'The server could not be reached'])
  })

  test('with too large a message', async (t) => {
    const service = await GrpcService.start(t)
    const { client } = await through(t, [service.address], { limits: { bodySize: '10KiB' } })
    assert.equal((await client.unary(Buffer.alloc(9000)).over()).code, status.OK)
    assert.equal((await client.unary(Buffer.alloc(11_000)).over()).code, status.RESOURCE_EXHAUSTED)
  })

  test('of a server that speaks something else', async (t) => {
    const origin = await rawOrigin(t, (socket) => socket.end('SSH-2.0-OpenSSH_9.2p1\r\n'))
    const { client } = await through(t, [{ address: origin.address, maxFails: 0 }])
    const { code } = await client.unary(X).over()
    assert.ok(code === status.INTERNAL || code === status.UNAVAILABLE, `${code}`)
  })

  test('while all servers are busy', async (t) => {
    const service = await GrpcService.start(t)
    const servers = [{ address: service.address, maxConnections: 1 }]
    const { client } = await through(t, servers, {}, { queue: { size: 1, timeout: '200ms' } })
    client.unary(X, { hangs: true })
    await service.until(() => service.calls.length === 1)
    const [one, other] = await Promise.all([client.unary(X).over(), client.unary(X).over()])
    assert.deepEqual([one.code, other.code], [status.UNAVAILABLE, status.UNAVAILABLE])
    assert.deepEqual([one.details, other.details].sort(), [
      'All servers are busy',
      'All servers have been busy for too long',
    ])
  })
})

test('a call of gRPC-Web is a request as any other', async (t) => {
  const { limpet } = await through(t, [NOBODY])
  const response = await fetch(`${limpet.url}/limpet.test.Interop/Unary`, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto' },
    body: 'x',
  })
  assert.equal(response.status, 502)
  assert.equal(response.headers.get('grpc-status'), null)
})

describe('another server', () => {
  test('gets a call that could not be sent to the first', async (t) => {
    const service = await GrpcService.start(t)
    const { client } = await through(t, [NOBODY, service.address])
    for (let i = 0; i < 4; i++) assert.equal((await client.unary(X).over()).code, status.OK)
    assert.equal(service.calls.length, 4)
  })

  test('does not get a call that the first may have processed', async (t) => {
    const service = await GrpcService.start(t, 'first')
    const relay = await Relay.start(t, service.address)
    const spare = await GrpcService.start(t, 'spare')
    const { client } = await through(t, [relay.address, { address: spare.address, backup: true }])
    const call = client.unary(X, { hangs: true })
    await call.begun()
    relay.cut()
    assert.equal((await call.over()).code, status.UNAVAILABLE)
    assert.equal(spare.calls.length, 0)
  })
})

describe('a stream whose server', () => {
  for (const [how, end] of [
    ['resets it', ({ service }) => service.kill()],
    ['is cut off', ({ relay }) => relay.cut()],
  ] as const satisfies readonly (readonly [string, (of: { service: GrpcService; relay: Relay }) => void])[]) {
    test(`${how} ends with a status that says so, after what has arrived`, async (t) => {
      const service = await GrpcService.start(t)
      const relay = await Relay.start(t, service.address)
      const { client, limpet } = await through(t, [relay.address])
      const call = client.bidi()
      call.send(Buffer.from('one'))
      await call.messages(1)
      end({ service, relay })
      const { code, messages } = await call.over()
      assert.deepEqual([code, messages.map(String)], [status.UNAVAILABLE, ['one']])
      const [line] = await limpet.log.matching(/Interop\/Bidi/, 1)
      assert.equal(JSON.parse(line!).grpcStatus, status.UNAVAILABLE)
    })
  }
})

/** A call of a client that sets a deadline, and leaves it to others to keep it. */
async function heedless(t: TestContext, port: number, wish: Readonly<Record<string, string>>, method: string) {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  t.after(() => session.destroy())
  const stream = session.request({
    ':method': 'POST',
    ':path': `/limpet.test.Interop/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...wish,
  })
  stream.on('error', () => {})
  const message = Buffer.from([0, 0, 0, 0, 1, 0x78])
  if (method === 'Unary') stream.end(message)
  else stream.write(message)
  const trailers = once(stream, 'trailers').then(([fields]) => fields)
  const [head] = await once(stream, 'response')
  const ended = once(stream.resume(), 'end')
  return { head, ended, trailers }
}

describe('a deadline', () => {
  test('ends a call whose answer has not begun, at its server too', async (t) => {
    const origin = await GrpcService.start(t, 'silent')
    const { limpet } = await through(t, [{ address: origin.address, maxConnections: 1 }])
    // The first call has the server's one place, so that the second one waits in the queue.
    const first = new GrpcClient(t, `127.0.0.1:${limpet.port}`).bidi()
    await first.begun()
    const { head, ended } = await heedless(t, limpet.port, { 'grpc-timeout': '200m' }, 'Unary')
    await ended
    assert.deepEqual(
      [head[':status'], head['grpc-status'], head['grpc-message'], head['content-type']],
      [200, '4', 'The call took too long', 'application/grpc'],
    )
    assert.equal(origin.calls.length, 1)
  })

  test('ends a call whose answer has begun, at its server too', async (t) => {
    const service = await GrpcService.start(t)
    const { limpet } = await through(t, [service.address])
    const { head, ended, trailers } = await heedless(t, limpet.port, { 'grpc-timeout': '200m', 'x-hang': '1' }, 'Bidi')
    await ended
    assert.deepEqual([head[':status'], (await trailers)['grpc-status']], [200, '4'])
    await service.until(() => service.cancelled === 1)
    assert.match(String(service.calls[0]!.get('x-server')), /^$/)
  })

  test('of no time at all lets no server be asked', async (t) => {
    const service = await GrpcService.start(t)
    const { limpet } = await through(t, [service.address])
    const { head } = await heedless(t, limpet.port, { 'grpc-timeout': '0S' }, 'Unary')
    assert.equal(head['grpc-status'], '4')
    assert.equal(service.calls.length, 0)
  })

  test('that makes no sense is none', async (t) => {
    const service = await GrpcService.start(t)
    const { limpet } = await through(t, [service.address])
    const { head } = await heedless(t, limpet.port, { 'grpc-timeout': 'soon' }, 'Unary')
    // This is what the server makes of it.
    assert.match(head['grpc-message'], /soon/)
  })
})

describe('timeouts', () => {
  test('a server that does not begin to answer', async (t) => {
    const origin = await rawOrigin(t, (socket) => {
      // The server's preface: it accepts the connection, and never says more.
      socket.write(Buffer.from('000000040000000000', 'hex'))
      socket.resume()
    })
    const { client } = await through(t, [origin.address], {}, { timeouts: { firstByte: '200ms' } })
    const { code, details } = await client.unary(X).over()
    assert.deepEqual([code, details], [status.DEADLINE_EXCEEDED, 'The server took too long to answer'])
  })

  test('a quiet stream lives on beyond `idle`, and beyond `timeouts.body` of its client', async (t) => {
    const service = await GrpcService.start(t)
    const { client } = await through(
      t,
      [service.address],
      { timeouts: { body: '100ms' } },
      { timeouts: { idle: '100ms', firstByte: '100ms' } },
    )
    const quiet = client.bidi()
    await quiet.begun()
    // Another call takes longer than these timeouts.
    const wish: Wish = { hangs: true, deadline: 600 }
    assert.equal((await client.unary(X, wish).over()).code, status.DEADLINE_EXCEEDED)
    quiet.send(Buffer.from('still here'))
    assert.deepEqual((await quiet.messages(1)).map(String), ['still here'])
    quiet.end()
    assert.equal((await quiet.over()).code, status.OK)
  })

  test('a stream in which nobody says anything ends after `tunnel`', async (t) => {
    const service = await GrpcService.start(t)
    const { client } = await through(t, [service.address], {}, { timeouts: { tunnel: '200ms' } })
    const quiet = client.bidi()
    const { code, details } = await quiet.over()
    assert.deepEqual([code, details], [status.DEADLINE_EXCEEDED, 'The call took too long'])
    await service.until(() => service.cancelled === 1)
    assert.equal((await client.unary(X).over()).code, status.OK, 'the server is not blamed')
  })
})
