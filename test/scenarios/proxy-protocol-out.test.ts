/** The PROXY protocol behind Limpet: servers get the client of each connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { decodeProxyHeader } from '../../src/proxy-protocol/proxy-header.ts'
import { startHaproxy, testWithHaproxy } from '../support/haproxy.ts'
import { startLimpet } from '../support/limpet.ts'
import { rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A server that records the PROXY header and the number of requests of each connection. */
class RecordingOrigin {
  readonly address: string
  readonly connections: { readonly header: string; requests: number; readonly socket: Socket }[]

  private constructor(address: string, connections: RecordingOrigin['connections']) {
    this.address = address
    this.connections = connections
  }

  static async start(test: TestContext): Promise<RecordingOrigin> {
    const connections: RecordingOrigin['connections'] = []
    const { address } = await rawOrigin(test, (socket) => {
      let connection: (typeof connections)[number] | undefined
      let heard = Buffer.alloc(0)
      socket.on('end', () => socket.end())
      socket.on('data', (bytes: Buffer) => {
        heard = Buffer.concat([heard, bytes])
        if (connection === undefined) {
          const { ends, length } = decodeProxyHeader(heard)!
          const text =
            ends &&
            `${ends.source.address.text} ${ends.source.port} to ${ends.destination.address.text} ${ends.destination.port}`
          connection = { header: text ?? 'itself', requests: 0, socket }
          connections.push(connection)
          heard = heard.subarray(length)
        }
        for (let end = heard.indexOf('\r\n\r\n'); end >= 0; end = heard.indexOf('\r\n\r\n')) {
          assert.match(heard.toString('latin1', 0, end), /^GET \/ HTTP\/1\.1\r\n/)
          heard = heard.subarray(end + 4)
          connection.requests++
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ok>')
        }
      })
    })
    return new RecordingOrigin(address, connections)
  }

  /** Of each connection, `header: number of requests`. */
  get recorded(): string[] {
    return this.connections.map(({ header, requests }) => `${header}: ${requests}`)
  }
}

const localPort = ({ socket }: RawClient) => (socket.address() as AddressInfo).port

/** Every connection to the server begins with a PROXY header. */
const telling = (version: string, server: string) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  routes: [{ path: /*, upstream: told }]
  upstreams: { told: { proxyProtocol: ${version}, servers: [${server}] } }
`

for (const version of ['v1', 'v2']) {
  describe(`an upstream with proxyProtocol: ${version}`, () => {
    test('gets one header for each connection, and each connection serves one client only', async (t) => {
      const server = await RecordingOrigin.start(t)
      const limpet = await sharedLimpet(telling(version, server.address))
      const one = await RawClient.connect(t, limpet.port)
      const other = await RawClient.connect(t, limpet.port, '127.0.0.9')
      for (const client of [one, other, one, other, one]) await client.ask(GET)
      assert.deepEqual(server.recorded, [
        `127.0.0.1 ${localPort(one)} to 127.0.0.1 ${limpet.port}: 3`,
        `127.0.0.9 ${localPort(other)} to 127.0.0.1 ${limpet.port}: 2`,
      ])
    })

    test('gets the client that a trusted proxy names, and a new connection when that changes', async (t) => {
      const server = await RecordingOrigin.start(t)
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        trustedProxies: [127.0.0.1]
        workers: 1
        routes: [{ path: /*, upstream: told }]
        upstreams: { told: { proxyProtocol: ${version}, servers: [${server.address}] } }
      `
      const limpet = await sharedLimpet(config)
      const proxy = await RawClient.connect(t, limpet.port)
      for (const address of ['192.0.2.1', '192.0.2.1', '2001:db8::1', '192.0.2.1'])
        await proxy.ask(GET.replace('\r\n\r\n', `\r\nX-Forwarded-For: ${address}\r\n\r\n`))
      await proxy.ask(GET)
      const to = `to 127.0.0.1 ${limpet.port}`
      assert.deepEqual(server.recorded, [
        `192.0.2.1 0 ${to}: 2`,
        `2001:db8::1 0 ${to}: 1`,
        `192.0.2.1 0 ${to}: 1`,
        `127.0.0.1 ${localPort(proxy)} ${to}: 1`,
      ])
    })

    test('gets what the PROXY header of a proxy in front said', async (t) => {
      const server = await RecordingOrigin.start(t)
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: true }]
        workers: 1
        routes: [{ path: /*, upstream: told }]
        upstreams: { told: { proxyProtocol: ${version}, servers: [${server.address}] } }
      `
      const limpet = await sharedLimpet(config)
      const headers = ['PROXY TCP4 192.0.2.1 203.0.113.9 53764 80\r\n', 'PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n']
      for (const header of headers) await (await RawClient.connect(t, limpet.port)).ask(header, GET)
      assert.deepEqual(server.recorded, ['192.0.2.1 53764 to 203.0.113.9 80: 1', '2001:db8::1 1 to 2001:db8::2 2: 1'])
    })

    test('gets the header again on a connection that replaces a stale one', async (t) => {
      const server = await RecordingOrigin.start(t)
      const limpet = await sharedLimpet(telling(version, server.address))
      const client = await RawClient.connect(t, limpet.port)
      await client.ask(GET)
      server.connections[0]!.socket.resetAndDestroy()
      await client.ask(GET)
      const header = `127.0.0.1 ${localPort(client)} to 127.0.0.1 ${limpet.port}`
      assert.deepEqual(server.recorded, [`${header}: 1`, `${header}: 1`])
    })
  })
}

test('the next server gets the header as well when the first cannot be reached', async (t) => {
  const server = await RecordingOrigin.start(t)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: told }]
    upstreams: { told: { balance: round-robin, proxyProtocol: v1, servers: [127.0.0.1:1, ${server.address}] } }
  `
  const limpet = await sharedLimpet(config)
  for (let i = 0; i < 2; i++) await (await RawClient.connect(t, limpet.port)).ask(GET)
  assert.equal(server.connections.length, 2)
})

test('the connections to servers close with the connection of their client', async (t) => {
  const server = await RecordingOrigin.start(t)
  const limpet = await startLimpet(t, telling('v2', server.address))
  const client = await RawClient.connect(t, limpet.port)
  await client.ask(GET)
  const { socket } = server.connections[0]!
  client.socket.destroy()
  await once(socket, 'close')
})

for (const version of ['v1', 'v2']) {
  testWithHaproxy(`a health check reaches a server that requires a header of ${version}`, async (t) => {
    const respond = 'http-request return status 200 string well content-type text/plain'
    const port = await startHaproxy(t, 'accept-proxy', respond)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      routes: [{ path: /*, upstream: one }]
      upstreams:
        one:
          servers: [127.0.0.1:${port}]
          proxyProtocol: ${version}
          health: { check: { type: http, path: /, interval: 100ms, body: well, initial: down } }
    `
    const limpet = await startLimpet(t, config)
    await limpet.errors.find(/ is up \(GET \/ answered 200\)/)
  })

  testWithHaproxy(`HAProxy knows the client by its header of ${version}`, async (t) => {
    const respond = 'http-request return status 200 content-type text/plain lf-string "<%ci %cp %fi %fp>"'
    const port = await startHaproxy(t, 'accept-proxy', respond)
    const limpet = await startLimpet(t, telling(version, `127.0.0.1:${port}`))
    const client = await RawClient.connect(t, limpet.port, '127.0.0.5')
    assert.equal(await client.ask(GET), `127.0.0.5 ${localPort(client)} 127.0.0.1 ${limpet.port}`)
  })
}
