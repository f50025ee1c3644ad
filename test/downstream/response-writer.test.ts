/** What is written to a client's connection leaves it in that order. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { ResponseWriter } from '../../src/downstream/response-writer.ts'
import { connectionOptions } from '../../src/http1/connection-options.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'
import { SocketWriter } from '../../src/transport/socket-writer.ts'
import { LocalWorker } from '../support/local-worker.ts'
import { RawClient } from '../support/raw-client.ts'

test('the last bytes of a switched protocol go before its end, though both are flushed together', async (t) => {
  const { context } = await LocalWorker.start(t, {
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: ['127.0.0.1:1'] } },
  })
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const accepted = once(server, 'connection')
  const client = await RawClient.connect(t, (server.address() as AddressInfo).port)
  const [socket] = await accepted
  t.after(() => socket.destroy())

  const head = new ResponseHead()
  head.parse(Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n'), 0, {
    headSize: 1024,
    headers: 8,
  })
  const response = new ResponseWriter(context, new SocketWriter(socket, { whenDrained() {} }))
  response.upgrade(head, connectionOptions(head), '')
  response.data(Buffer.from('last words'), 0, 10)
  response.end()
  response.flush()
  assert.match(await client.goodbye(), /\r\n\r\nlast words$/)
})
