/** Servers that come and go, and close a connection with a POST on its way: it is sent again if nobody can have read it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { startWithSource } from './server-source.ts'

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A server that treats its first connection in that way, and answers on the others; and how many requests it has read. */
async function startServer(t: TestContext, first: (socket: Socket) => void) {
  let connections = 0
  let requests = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    const isFirst = ++connections === 1
    socket.on('data', () => {
      requests++
      if (isFirst) socket.destroy()
      else socket.end(ANSWER)
    })
    if (isFirst) first(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  return {
    server: { name: 'a', address: `127.0.0.1:${port}` },
    get requests() {
      return requests
    },
  }
}

async function post(t: TestContext, first: (socket: Socket) => void) {
  const app = await startServer(t, first)
  const { port, says, watched } = await startWithSource(t, {}, [app.server])
  await says({ a: { returns: true } })
  const { status } = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(500) })
  await watched.balancer.stop()
  return { status, requests: app.requests }
}

test('a POST on a connection that its server closes unread is sent again', async (t) => {
  assert.deepEqual(await post(t, (socket) => socket.destroy()), { status: 200, requests: 1 })
})

test('one that the server has read is not', async (t) => {
  assert.deepEqual(await post(t, () => {}), { status: 502, requests: 1 })
})
