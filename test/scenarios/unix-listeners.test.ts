/** Clients that come by a Unix socket: `listeners: [{ address: unix:/run/limpet.sock }]`. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { temporaryFolder } from '../support/folder.ts'
import { runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { getFrom } from '../support/unix-client.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A server that answers with the request's head as it got it. */
function echo(test: TestContext) {
  return httpOrigin(test, ({ rawHeaders }, response) => {
    const fields = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text.toLowerCase()}: ` : `${text}\n`))
    response.end(`<${fields.join('')}>`)
  })
}

/** A Unix socket, and a port beside it. */
const portAndSocket = (folder: string, server: string) => `
  listeners:
    - { address: 127.0.0.1, port: 0 }
    - { address: unix:${folder}/limpet.sock }
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${server}] } }
`

describe('a listener on a Unix socket', () => {
  test('serves clients, which are unix: in the log and for servers', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const limpet = await sharedLimpet(portAndSocket(folder, address))
    await limpet.errors.find(new RegExp(`listening on unix:${folder}/limpet.sock$`))
    const body = await getFrom(`${folder}/limpet.sock`, { 'X-Forwarded-For': '192.0.2.1', Forwarded: 'for=192.0.2.1' })
    assert.match(body, /\nx-forwarded-for: 192\.0\.2\.1, unix:\n/)
    assert.doesNotMatch(body, /\nforwarded:/)
    await limpet.log.find(/^unix: - - \[.*\] "GET \/ HTTP\/1\.1" 200 /)
  })

  test('passes large bodies both ways, even to a client that is slow to read', async (t) => {
    const folder = await temporaryFolder(t)
    const large = Buffer.alloc(5_000_000, 'x')
    const { address } = await httpOrigin(t, (request, response) => {
      request.resume()
      request.on('end', () => response.end(large))
    })
    await sharedLimpet(portAndSocket(folder, address))
    const client = await RawClient.connectTo(t, `${folder}/limpet.sock`)
    client.socket.pause()
    client.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${large.length}\r\nConnection: close\r\n\r\n`)
    await new Promise((resolve) => client.socket.write(large, resolve))
    client.socket.resume()
    assert.equal((await client.goodbye()).split('\r\n\r\n')[1]!.length, large.length)
  })

  test('closes the connection when a response breaks off, and serves on', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await rawOrigin(t, (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'))
    })
    const config = `
      listeners:
        - { address: 127.0.0.1, port: 0 }
        - { address: unix:${folder}/limpet.sock }
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${address}] } }
    `
    const limpet = await sharedLimpet(config)
    for (let i = 0; i < 2; i++) {
      const client = await RawClient.connectTo(t, `${folder}/limpet.sock`)
      client.say(GET)
      assert.match(await client.goodbye(), /\r\n\r\nhalf$/)
    }
    await limpet.log.matching(/^unix: .* 200 4 /, 2)
    assert.deepEqual(
      limpet.errors.all.filter((line) => line.includes('died')),
      [],
    )
  })

  test('counts its clients within limits.connections, and for no address', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const config = `
      listeners:
        - { address: 127.0.0.1, port: 0 }
        - { address: unix:${folder}/limpet.sock }
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${address}] } }
      limits: { connectionsPerAddress: 1, connections: 3 }
    `
    await sharedLimpet(config)
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.connectTo(t, `${folder}/limpet.sock`)
      client.say(GET)
      await client.hear(/^HTTP\/1\.1 200 /)
    }
    assert.match(await (await RawClient.connectTo(t, `${folder}/limpet.sock`)).goodbye(), /^HTTP\/1\.1 503 /)
  })

  test('takes PROXY headers', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const config = `
      listeners:
        - { address: 127.0.0.1, port: 0 }
        - { address: unix:${folder}/limpet.sock, proxyProtocol: true }
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${address}] } }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connectTo(t, `${folder}/limpet.sock`)
    client.say(`PROXY TCP4 192.0.2.7 192.0.2.8 4000 80\r\n${GET}`)
    assert.match(await client.hear(/>/), /\nx-forwarded-for: 192\.0\.2\.7\n/)
    const silent = await RawClient.connectTo(t, `${folder}/limpet.sock`)
    silent.say(GET)
    await silent.goodbye()
    await limpet.errors.find(/listener unix:\S+limpet\.sock: a connection from unix: was closed: it does not begin/)
  })

  test('sends servers a PROXY header without a client, since its clients have no address', async (t) => {
    const folder = await temporaryFolder(t)
    let heard = ''
    const { address } = await rawOrigin(t, (socket) => {
      socket.on('data', (bytes: Buffer) => {
        heard += bytes.toString('latin1')
        socket.write('HTTP/1.1 204 No Content\r\n\r\n')
      })
    })
    const config = `
      listeners:
        - { address: 127.0.0.1, port: 0 }
        - { address: unix:${folder}/limpet.sock }
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${address}], proxyProtocol: v1 } }
    `
    await sharedLimpet(config)
    await getFrom(`${folder}/limpet.sock`)
    assert.match(heard, /^PROXY UNKNOWN\r\nGET \/ /)
  })
})

describe('trustedProxies with unix:', () => {
  const trusting = (folder: string, server: string) => `
    listeners:
      - { address: 127.0.0.1, port: 0 }
      - { address: unix:${folder}/limpet.sock }
    trustedProxies: ["unix:"]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${server}] } }
  `

  test('believes every client of a Unix socket, and adds nothing to X-Forwarded-For', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const limpet = await sharedLimpet(trusting(folder, address))
    const headers = { 'X-Forwarded-For': '192.0.2.66, 192.0.2.1', 'X-Forwarded-Proto': 'https' }
    const body = await getFrom(`${folder}/limpet.sock`, headers)
    assert.match(body, /\nx-forwarded-for: 192\.0\.2\.66, 192\.0\.2\.1\n/)
    assert.match(body, /\nx-forwarded-proto: https\n/)
    await limpet.log.find(/^192\.0\.2\.1 - - /)
    assert.match(await getFrom(`${folder}/limpet.sock`), /\nx-forwarded-for: unix:\n/)
    await limpet.log.find(/^unix: - - /)
  })

  test('believes no client of a port', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const limpet = await sharedLimpet(trusting(folder, address))
    const response = await fetch(limpet.url, { headers: { 'X-Forwarded-For': '192.0.2.1' } })
    assert.match(await response.text(), /\nx-forwarded-for: 192\.0\.2\.1, 127\.0\.0\.1\n/)
    await limpet.log.find(/^127\.0\.0\.1 - - /)
  })

  test('is not implied by trusting all addresses', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const config = `
      listeners:
        - { address: 127.0.0.1, port: 0 }
        - { address: unix:${folder}/limpet.sock }
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${address}] } }
      trustedProxies: [0.0.0.0/0, "::/0"]
    `
    const limpet = await sharedLimpet(config)
    await getFrom(`${folder}/limpet.sock`, { 'X-Forwarded-For': '192.0.2.1' })
    await limpet.log.find(/^unix: - - /)
  })

  test('passes Forwarded on likewise, and writes for=unknown if no client is named (RFC 7239)', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const config = `
      listeners:
        - { address: 127.0.0.1, port: 0 }
        - { address: unix:${folder}/limpet.sock }
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${address}] } }
      trustedProxies: ["unix:"]
      clientAddressFrom: forwarded
    `
    const limpet = await sharedLimpet(config)
    const named = await getFrom(`${folder}/limpet.sock`, { Forwarded: 'for=192.0.2.1;proto=https' })
    assert.match(named, /\nforwarded: for=192\.0\.2\.1;proto=https\n/)
    assert.match(named, /\nx-forwarded-for: 192\.0\.2\.1\n/)
    await limpet.log.find(/^192\.0\.2\.1 - - /)
    const nameless = await getFrom(`${folder}/limpet.sock`)
    assert.match(nameless, /\nforwarded: for=unknown\n/)
    assert.match(nameless, /\nx-forwarded-for: unix:\n/)
  })
})

test('limpet healthcheck sends its request to the socket, and limpet status shows it', async (t) => {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'limpet.yaml')
  const config = `
    listeners:
      - { address: unix:${folder}/limpet.sock }
      - { address: 127.0.0.1, port: 0 }
    admin: { port: 0 }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [127.0.0.1:9] } }
  `
  await writeFile(file, config)
  const before = await runLimpet(['healthcheck', '-c', file])
  assert.deepEqual(
    [before.code, before.stdout.split(': connect')[0]],
    [1, `unhealthy: unix:${folder}/limpet.sock does not answer`],
  )
  const limpet = await startLimpet(t, config)
  const { code, stdout } = await runLimpet(['healthcheck', '-c', file])
  assert.deepEqual([code, stdout], [0, `healthy: unix:${folder}/limpet.sock answers (400)`])
  const [, place] = await limpet.errors.find(/admin API answers on (\S+)/)
  const { listeners: told } = (await (await fetch(`http://${place}/v1/status`)).json()) as { listeners: unknown }
  assert.deepEqual(told, [
    { address: `unix:${folder}/limpet.sock`, port: null },
    { address: '127.0.0.1', port: limpet.port },
  ])
  const status = await runLimpet(['status', '--url', place!])
  assert.match(status.stdout, new RegExp(`listening on unix:${folder}/limpet\\.sock, 127\\.0\\.0\\.1:${limpet.port}`))
})

test('curl --unix-socket is served', async (t) => {
  const folder = await temporaryFolder(t)
  const { address } = await echo(t)
  await sharedLimpet(portAndSocket(folder, address))
  const curl = spawn('curl', ['-s', '--unix-socket', `${folder}/limpet.sock`, 'http://app.example/x'])
  assert.match(await text(curl.stdout), /host: app\.example\n/)
})

test('PORT and --port replace a port, not a socket', async (t) => {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'limpet.yaml')
  const config = `
    listeners: [{ address: unix:${folder}/limpet.sock }]
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [127.0.0.1:9] } }
  `
  await writeFile(file, config)
  const { code, stderr } = await runLimpet(['check', '-c', file], { PORT: '80' })
  assert.equal(code, 1)
  assert.match(stderr, /^PORT: expected a listener whose port it can replace, found unix:\S+ \(unset PORT, or/)
})
