/** Servers that listen on Unix sockets: `address: unix:/run/app.sock`. */
import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import type { Server, Upstreams } from '../../src/admin/answers.ts'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

/** One server on a Unix socket. */
const oneServer = (server: string) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${server}] } }
`

describe('a server on a Unix socket', () => {
  test('serves requests one after another on one connection, with bodies both ways', async (t) => {
    const path = join(await temporaryFolder(t), 'app.sock')
    const origin = await httpOrigin(t, async (request, response) => response.end(await buffer(request)), path)
    let connections = 0
    origin.server.on('connection', () => connections++)
    const limpet = await startLimpet(t, oneServer(origin.address))
    for (const size of [1, 1_000_000, 20]) {
      const body = Buffer.alloc(size, 'x')
      const response = await fetch(limpet.url, { method: 'POST', body })
      assert.ok(Buffer.from(await response.arrayBuffer()).equals(body))
    }
    assert.equal(connections, 1)
    const { input: line } = await limpet.log.find(/"POST \/ HTTP\/1.1" 200 1000000 /)
    assert.ok(line.includes(` unix:${path} 200 `), line)
  })

  test('gets the Host of the client, or localhost if there is none, as from nginx', async (t) => {
    const path = join(await temporaryFolder(t), 'app.sock')
    const { address } = await httpOrigin(t, (request, response) => response.end(`<${request.headers.host}>`), path)
    const limpet = await startLimpet(t, oneServer(address))
    for (const [request, host] of [
      ['GET / HTTP/1.1\r\nHost: app.example:8080\r\n\r\n', 'app.example:8080'],
      ['GET / HTTP/1.0\r\n\r\n', 'localhost'],
    ]) {
      const client = await RawClient.connect(t, limpet.port)
      client.say(request!)
      assert.match(await client.hear(/<.*>/), new RegExp(`<${host}>`))
    }
  })

  test('is passed over while its socket is missing, and used again afterwards', async (t) => {
    const folder = await temporaryFolder(t)
    const answer = (name: string) => httpOrigin(t, (_, response) => response.end(name), join(folder, `${name}.sock`))
    const [one, two] = [await answer('one'), await answer('two')]
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers:
            - { address: ${one.address}, failTimeout: 100ms }
            - { address: ${two.address}, failTimeout: 100ms }
    `
    const limpet = await startLimpet(t, config)
    await one.kill()
    for (let i = 0; i < 4; i++) assert.equal(await (await fetch(limpet.url)).text(), 'two')
    await limpet.errors.find(/one\.sock is .*(ENOENT|ECONNREFUSED)/)
    await one.revive()
    await until(async () => (await (await fetch(limpet.url)).text()) === 'one')
  })

  for (const type of ['http', 'tcp']) {
    test(`is checked by ${type} on its socket`, async (t) => {
      const folder = await temporaryFolder(t)
      const checks: IncomingHttpHeaders[] = []
      const origin = await httpOrigin(
        t,
        ({ headers }, response) => {
          if (headers['user-agent'] === 'limpet-check') checks.push(headers)
          response.end()
        },
        join(folder, 'app.sock'),
      )
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 1
        routes: [{ path: /*, upstream: app }]
        upstreams:
          app:
            servers: [{ name: app, address: ${origin.address} }]
            health: { check: { type: ${type}, interval: 100ms, rise: 1, fall: 1, initial: unknown } }
      `
      const limpet = await startLimpet(t, config)
      await limpet.errors.find(/server app is up/)
      await origin.kill()
      // If a check is in flight at that moment, its connection is closed.
      await limpet.errors.find(/server app is down \(/)
      await origin.revive()
      await limpet.errors.find(
        type === 'tcp' ? /is up again \(unix:\S+ is open\)/ : /is up again \(GET \/ answered 200\)/,
      )
      if (type === 'http') assert.equal(checks[0]!.host, 'localhost')
    })
  }

  test('gets a PROXY header that names the client', async (t) => {
    const path = join(await temporaryFolder(t), 'app.sock')
    let heard = ''
    const { address } = await rawOrigin(
      t,
      (socket) => {
        socket.on('data', (bytes: Buffer) => {
          heard += bytes.toString('latin1')
          if (heard.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
        })
      },
      path,
    )
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${address}], proxyProtocol: v1 } }
    `
    const limpet = await startLimpet(t, config)
    assert.equal((await fetch(limpet.url)).status, 204)
    assert.match(heard, new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${limpet.port}\r\nGET / `))
  })

  test('switches protocols, and each side can close first', async (t) => {
    const path = join(await temporaryFolder(t), 'app.sock')
    const { server, address } = await rawOrigin(
      t,
      (socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n')
          socket.on('data', (bytes) => socket.write(bytes))
          socket.on('end', () => socket.end('bye'))
        })
      },
      path,
    )
    const limpet = await startLimpet(t, oneServer(address))
    const client = await RawClient.connect(t, limpet.port)
    client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n')
    await client.take(/\r\n\r\n/)
    client.say('ping')
    await client.take(/ping/)
    client.socket.end()
    assert.equal(await client.goodbye(), 'bye')
    assert.ok(server.listening)
  })

  test('is shown in the admin API by its address', async (t) => {
    const path = join(await temporaryFolder(t), 'app.sock')
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [unix:${path}] } }
      admin: { port: 0 }
    `
    const limpet = await startLimpet(t, config)
    const { upstreams } = (await (await fetch(`${await adminUrlOf(limpet)}/v1/upstreams`)).json()) as Upstreams
    const [{ name, address }] = upstreams[0]!.servers as [Server]
    assert.deepEqual({ name, address }, { name: `unix:${path}`, address: `unix:${path}` })
  })

  test('may be one of the servers of the lab', async (t) => {
    const path = join(await temporaryFolder(t), 'app.sock')
    const { server, address } = await httpOrigin(t, (_, response) => response.end('lab'), path)
    const env = { STATIC_BACKEND: address, DYNAMIC_BACKEND: '127.0.0.1:9', PORT: '0' }
    const limpet = await startLimpet(t, undefined, { env })
    assert.equal(await (await fetch(limpet.url)).text(), 'lab')
    assert.ok(server.listening)
  })
})

test('the log of a request that failed names the socket', async (t) => {
  const path = join(await temporaryFolder(t), 'app.sock')
  const limpet = await startLimpet(t, oneServer(`unix:${path}`))
  assert.equal((await fetch(limpet.url)).status, 502)
  const { input: line } = await limpet.log.find(/" 502 /)
  assert.ok(line.includes(` unix:${path} 502 `), line)
})

test('limpet check prints Unix sockets as they were written', async (t) => {
  const folder = await temporaryFolder(t)
  const env = { STATIC_BACKEND: 'unix:/run/one.sock unix:/run/two.sock', DYNAMIC_BACKEND: 'unix:/run/one.sock' }
  const { stdout, code } = await runLimpet(['check'], env, folder)
  assert.equal(code, 0)
  assert.equal(stdout.match(/ address: unix:\/run\/(one|two)\.sock\n/g)?.length, 3)
})
