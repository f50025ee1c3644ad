/** A client's connection by TLS is served as one of TCP is. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type ClientSocket, onConnection } from '../../src/downstream/client-socket.ts'
import { Generation } from '../../src/exchange/generation.ts'
import type { Listener } from '../../src/runtime/snapshot.ts'
import { TestAuthority } from '../support/certificates.ts'
import { LocalWorker } from '../support/local-worker.ts'
import { httpOrigin, type Origin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { secureListener } from '../support/secure-plane.ts'

const authority = await TestAuthority.create()
const certificate = await authority.certificate('site', ['localhost', 'a'])

/** A worker that clients reach by TLS, in front of one server; and such a client. */
async function behindTls(t: TestContext, { address }: Origin) {
  const worker = await LocalWorker.start(t, {
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [address] } },
  })
  const { generation } = worker.context
  const { router, groups } = generation
  const snapshot = { ...generation.snapshot, certificates: [certificate] }
  worker.context.generation = new Generation(snapshot, router, groups, generation)
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const listener: Listener = { address: '127.0.0.1', port, proxyProtocol: false, tls: secureListener(['site']) }
  const accepted = Promise.withResolvers<ClientSocket>()
  onConnection(
    server,
    (socket) => {
      accepted.resolve(socket)
      worker.clients.accept(socket, { listener, isClosed: false })
    },
    assert.fail,
  )
  t.after(() => server.close())
  const carrier = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const client = await RawClient.secure(t, carrier, Buffer.from(authority.ca))
  return { worker, carrier, client, socket: await accepted.promise }
}

test('requests with and without a body are served one after another', async (t) => {
  const origin = await httpOrigin(t, async (request, response) => {
    let size = 0
    for await (const bytes of request) size += bytes.length
    response.end(`<${request.method} ${size}>`)
  })
  const { worker, client, socket } = await behindTls(t, origin)
  assert.equal(await client.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), 'GET 0')
  assert.equal(await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n', 'hello'), 'POST 5')
  const large = Buffer.alloc(1024 * 1024, 'x')
  assert.equal(
    await client.ask(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${large.length}\r\n\r\n`, large),
    'POST 1048576',
  )
  const records = await worker.records(3)
  assert.deepEqual(
    records.map(({ status, bytesSent }) => [status, bytesSent]),
    [
      [200, 7],
      [200, 8],
      [200, 14],
    ],
  )
  assert.ok(socket.descriptor! > 2)
})

test('a server is paused while the client does not read, and nothing is lost', async (t) => {
  const body = Buffer.alloc(16 * 1024 * 1024, 'y')
  const origin = await httpOrigin(t, (_, response) => response.end(body))
  const { worker, client } = await behindTls(t, origin)
  client.socket.pause()
  client.say('GET / HTTP/1.0\r\n\r\n')
  await worker.serverPaused()
  client.socket.resume()
  const heard = await client.goodbye()
  assert.equal(heard.length - heard.indexOf('\r\n\r\n') - 4, body.length)
  const [record] = await worker.records(1)
  assert.equal(record!.bytesSent, body.length)
})

test('a response that breaks off, and whose end nothing else would show, ends in a reset', async (t) => {
  const origin = await rawOrigin(t, (socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')),
  )
  const { worker, client } = await behindTls(t, origin)
  let broken: NodeJS.ErrnoException | undefined
  client.socket.on('error', (error) => {
    broken = error
  })
  client.say('GET / HTTP/1.0\r\n\r\n')
  await client.goodbye()
  assert.equal(broken?.code, 'ECONNRESET')
  const [record] = await worker.records(1)
  assert.deepEqual([record!.status, record!.bytesSent], [200, 4])
})

test('a client that has ended its direction gets its answer, and then the end', async (t) => {
  const origin = await httpOrigin(t, (_, response) => response.end('<whole>'))
  const { client } = await behindTls(t, origin)
  client.socket.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await client.goodbye(), /^HTTP\/1.1 200 OK\r\n.*<whole>$/s)
})

test('a client that asked for the close is not waited for', { timeout: 120_000 }, async (t) => {
  const origin = await httpOrigin(t, (_, response) => response.end('<whole>'))
  const { worker, client, socket } = await behindTls(t, origin)
  // Nothing but the end of the response may close the connection; the client leaves its side open.
  worker.context.deadlines.stop()
  const closed = once(socket, 'close')
  client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await closed
  assert.match(await client.goodbye(), /^HTTP\/1.1 200 OK\r\n.*<whole>$/s)
})

test('a client that breaks off takes its request with it', async (t) => {
  const closed = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const origin = await httpOrigin(t, (request) => {
    request.socket.on('close', () => closed.resolve())
    asked.resolve()
  })
  const { worker, carrier, client } = await behindTls(t, origin)
  client.get('/')
  await asked.promise
  carrier.resetAndDestroy()
  await closed.promise
  const [record] = await worker.records(1)
  assert.equal(record!.status, 499)
})

test('answers are what the server has sent, on several connections that share memory and are read at different times', async (t) => {
  const origin = await httpOrigin(t, ({ url }, response) => response.end(url!.slice(1).repeat(20_000)))
  const { carrier, client } = await behindTls(t, origin)
  const port = carrier.remotePort!
  const others = await Promise.all(
    Array.from({ length: 3 }, () => RawClient.connectSecurely(t, port, { ca: authority.ca })),
  )
  const all = [client, ...others]
  for (const [index, one] of all.entries()) {
    if (index % 2 === 0) one.socket.pause()
    for (let request = 0; request < 20; request++) one.get(`/${index}-${request};`)
  }
  await setImmediate()
  for (const { socket } of all) socket.resume()
  for (const [index, one] of all.entries()) {
    const last = `${index}-19;`.repeat(20_000)
    while (!one.heard.endsWith(last)) await once(one.socket, 'data')
    const bodies = one.heard.split(/HTTP\/1.1 200 OK\r\n.*?\r\n\r\n/s).slice(1)
    assert.ok(bodies.every((body, request) => body === `${index}-${request};`.repeat(20_000)))
  }
})

test('a WebSocket, or what else a server switches to, passes both ways until both have ended', async (t) => {
  const origin = await rawOrigin(t, (socket) =>
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello')
      socket.pipe(socket)
    }),
  )
  const { client } = await behindTls(t, origin)
  client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.hear(/hello$/)
  client.say('and back')
  await client.hear(/helloand back$/)
  client.socket.end(', goodbye')
  assert.match(await client.goodbye(), /helloand back, goodbye$/)
})
