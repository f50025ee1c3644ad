/** What becomes of the idle connections to servers when their upstream changes or goes. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

/** A server that answers each request with the number of its connection; for `/hold`, when the test says so. */
class Server {
  readonly connections: Socket[] = []
  isHeld = false
  address = ''

  static async start(test: TestContext): Promise<Server> {
    const server = new Server()
    const { address } = await rawOrigin(test, (socket) => {
      const number = server.connections.push(socket)
      socket.on('end', () => socket.end())
      socket.on('data', (bytes: Buffer) => {
        if (bytes.includes('GET / ')) answer(socket, number)
        else server.isHeld = true
      })
    })
    server.address = address
    return server
  }
}

function answer(socket: Socket, number: number): void {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<${number}>`)
}

const kinds = { 'any client': '', 'one client, by its PROXY header': ', proxyProtocol: v1' }

for (const [whose, proxyProtocol] of Object.entries(kinds)) {
  const configOf = (servers: readonly Server[], settings = proxyProtocol) => `
    listeners: [{ address: 127.0.0.1, port: 8080 }]
    routes: [{ path: /*, upstream: one }]
    upstreams: { one: { servers: [${servers.map(({ address }) => address).join(', ')}]${settings} } }
  `
  const withoutIt = (server: Server) => `
    listeners: [{ address: 127.0.0.1, port: 8080 }]
    routes: [{ path: /*, upstream: two }]
    upstreams: { two: { servers: [${server.address}] } }
  `

  describe(`an idle connection for ${whose}`, () => {
    test('serves on while nothing of its upstream changes but the number of connections that are kept', async (t) => {
      const server = await Server.start(t)
      const plane = await startDataPlane(t, configOf([server]))
      const client = await RawClient.connect(t, plane.port)
      client.get('/')
      await client.take(/<1>/)
      await plane.apply(configOf([server], `${proxyProtocol}, keepAlive: { connections: 3 }`))
      client.get('/')
      await client.take(/<1>/)
    })

    test('is closed once none are to be kept', async (t) => {
      const server = await Server.start(t)
      const plane = await startDataPlane(t, configOf([server]))
      const client = await RawClient.connect(t, plane.port)
      client.get('/')
      await client.take(/<1>/)
      const ended = once(server.connections[0]!, 'end')
      await plane.apply(configOf([server], `${proxyProtocol}, keepAlive: { connections: 0 }`))
      await ended
      client.get('/')
      await client.take(/<2>/)
    })

    test('is closed when its server drains, and serves one request each until the server is ready again', async (t) => {
      const server = await Server.start(t)
      const draining = configOf([server]).replace(server.address, `{ address: "${server.address}", drain: true }`)
      const plane = await startDataPlane(t, configOf([server]))
      const client = await RawClient.connect(t, plane.port)
      client.get('/')
      await client.take(/<1>/)
      const ended = once(server.connections[0]!, 'end')
      await plane.apply(draining)
      await ended
      await plane.apply(configOf([server]))
      client.get('/')
      await client.take(/<2>/)
      client.get('/hold')
      await until(() => server.isHeld)
      await plane.apply(draining)
      const used = once(server.connections[1]!, 'end')
      answer(server.connections[1]!, 2)
      await client.take(/<2>/)
      await used
      await plane.apply(configOf([server]))
      client.get('/')
      await client.take(/<3>/)
      client.get('/')
      await client.take(/<3>/)
    })

    test('is closed when its server is gone', async (t) => {
      const [server, other] = [await Server.start(t), await Server.start(t)]
      const plane = await startDataPlane(t, configOf([server]))
      const client = await RawClient.connect(t, plane.port)
      client.get('/')
      await client.take(/<1>/)
      const ended = once(server.connections[0]!, 'end')
      await plane.apply(configOf([other]))
      await ended
    })

    test('is closed when its upstream is gone', async (t) => {
      const server = await Server.start(t)
      const plane = await startDataPlane(t, configOf([server]))
      const client = await RawClient.connect(t, plane.port)
      client.get('/')
      await client.take(/<1>/)
      const ended = once(server.connections[0]!, 'end')
      await plane.apply(withoutIt(server))
      await ended
    })

    test('is closed when connections begin with another PROXY header', async (t) => {
      const server = await Server.start(t)
      const plane = await startDataPlane(t, configOf([server]))
      const client = await RawClient.connect(t, plane.port)
      client.get('/')
      await client.take(/<1>/)
      const ended = once(server.connections[0]!, 'end')
      await plane.apply(configOf([server], ', proxyProtocol: v2'))
      await ended
      client.get('/')
      await client.take(/<2>/)
    })
  })

  test(`a connection for ${whose} that is in use when its upstream goes is closed after its exchange`, async (t) => {
    const server = await Server.start(t)
    const plane = await startDataPlane(t, configOf([server]))
    const client = await RawClient.connect(t, plane.port)
    client.get('/')
    await client.take(/<1>/)
    const [socket] = server.connections as [Socket]
    const asked = once(socket, 'data')
    client.get('/hold')
    await asked
    await plane.apply(withoutIt(server))
    const ended = once(socket, 'end')
    answer(socket, 1)
    await client.take(/<1>/)
    await ended
  })
}
