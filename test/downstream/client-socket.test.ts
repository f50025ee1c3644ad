/** Accepted sockets. They read into shared memory, or into Node.js's own if a future Node.js does not support that. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ClientSocket, onConnection } from '../../src/downstream/client-socket.ts'
import { temporaryFolder } from '../support/folder.ts'

/** Starts a server. `seen` replaces the server that `onConnection` sees; `path` is that of a Unix socket. */
async function listening(t: TestContext, seen: (server: Server) => Server = (server) => server, path?: string) {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path })
  await once(server, 'listening')
  t.after(() => server.close())
  const accepted = new Promise<ClientSocket>((resolve, reject) => onConnection(seen(server), resolve, reject))
  const client = path === undefined ? connect((server.address() as AddressInfo).port, '127.0.0.1') : connect({ path })
  const socket = await accepted
  t.after(() => socket.destroy())
  t.after(() => client.destroy())
  return { client, socket }
}

/** The server as in a Node.js that does not expose its handle. */
const withoutHandle = (server: Server) =>
  new Proxy(server, {
    get(target, key) {
      const value = key === '_handle' ? undefined : Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

for (const [name, seen] of [
  ['built here', undefined],
  ["that are Node's own", withoutHandle],
] as const) {
  test(`sockets ${name} read, are half closed, answer and end`, async (t) => {
    const { client, socket } = await listening(t, seen)
    const read = new Promise<string>((resolve) => {
      socket.reader = { whenRead: (bytes) => resolve(bytes.toString()) }
    })
    client.write('hello')
    assert.equal(await read, 'hello')
    assert.equal(socket.remoteAddress, '127.0.0.1')
    const closed = once(socket, 'close')
    client.end()
    await once(socket, 'end')
    socket.end('goodbye')
    const [answer] = await once(client, 'data')
    assert.equal(String(answer), 'goodbye')
    await closed
  })

  test(`sockets ${name} can be reset; on a Unix socket, which has no reset, they close`, async (t) => {
    for (const path of [undefined, join(await temporaryFolder(t), 'socket')]) {
      const { client, socket } = await listening(t, seen, path)
      const errors: (string | undefined)[] = []
      client.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
      client.resume()
      const closed = new Promise((resolve) => client.on('close', resolve))
      socket.resetAndDestroy()
      await closed
      assert.deepEqual(errors, path === undefined ? ['ECONNRESET'] : [])
    }
  })
}

test('sockets built here share the same memory in turn, and can be paused', async (t) => {
  const one = await listening(t)
  const other = await listening(t)
  const memory = new Set<ArrayBufferLike>()
  for (const { client, socket } of [one, other]) {
    const read = new Promise<void>((resolve) => {
      socket.reader = {
        whenRead(bytes) {
          memory.add(bytes.buffer)
          resolve()
        },
      }
    })
    client.write('x')
    await read
  }
  assert.equal(memory.size, 1)

  one.socket.pause()
  one.socket.reader = { whenRead: () => assert.fail('a paused socket read') }
  one.client.write('held back')
  // Data that another connection sends later arrives first.
  const later = new Promise<void>((resolve) => {
    other.socket.reader = { whenRead: () => resolve() }
  })
  other.client.write('x')
  await later
  const held = new Promise<string>((resolve) => {
    one.socket.reader = { whenRead: (bytes) => resolve(bytes.toString()) }
  })
  one.socket.resume()
  assert.equal(await held, 'held back')
})
