/** Switched protocols, in a worker that shows when a server takes no more. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { clientSocketOf } from '../../src/downstream/client-socket.ts'
import { temporaryFolder } from '../support/folder.ts'
import { LocalWorker } from '../support/local-worker.ts'
import { rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

test('what a client said before it left reaches a server that was not ready for it, even if the server ended first', async (t) => {
  const heard: Buffer[] = []
  const ended = Promise.withResolvers<void>()
  const origin = await rawOrigin(
    t,
    (socket) => {
      socket.once('data', () => {
        socket.pause().on('data', (bytes: Buffer) => heard.push(bytes))
        socket.on('end', ended.resolve)
        socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n')
        reads = () => socket.resume()
      })
    },
    // The kernel keeps little for a Unix socket.
    join(await temporaryFolder(t), 'server'),
  )
  let reads = () => {}
  const worker = await LocalWorker.start(t, {
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const listener = { address: '127.0.0.1', port, proxyProtocol: false }
  server.on('connection', (socket) => worker.clients.accept(clientSocketOf(socket), { listener, isClosed: false }))

  const client = await RawClient.connect(t, port)
  client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n')
  assert.match(await client.goodbye(), /^HTTP\/1.1 101 /)
  let said = 0
  let isFull = false
  while (!isFull) {
    const sent = worker.serverFull()
    client.say('x'.repeat(4096))
    said += 4096
    isFull = await sent
  }
  client.socket.end('the end')
  await worker.records(1)
  reads()
  await ended.promise
  const text = Buffer.concat(heard).toString()
  assert.equal(text.length, said + 'the end'.length)
  assert.match(text, /xthe end$/)
})
