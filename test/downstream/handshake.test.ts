/** Connections that do not become ones of TLS: what they get, what is logged, and that nothing of them stays. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { ExchangeRecord } from '../../src/observability/exchange-record.ts'
import { TestAuthority } from '../support/certificates.ts'
import { helloOf } from '../support/client-hello.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { SecurePlane, type SecureSettings } from '../support/secure-plane.ts'
import { secureConnection } from '../support/tls-client.ts'
import { missing } from '../support/tool.ts'

const authority = await TestAuthority.create()
const certificate = await authority.certificate('site', ['localhost'])

async function start(t: TestContext, settings: Partial<SecureSettings> = {}): Promise<SecurePlane> {
  const origin = await httpOrigin(t, (_, response) => response.end('<served>'))
  const config = { routes: [{ path: '/*', upstream: 'app' }], upstreams: { app: { servers: [origin.address] } } }
  return SecurePlane.start(t, { certificates: [certificate], ...settings, config: { ...config, ...settings.config } })
}

/** Resolves once no connection of a client is counted. */
async function empty({ scoreboard }: SecurePlane): Promise<void> {
  while (scoreboard.clients.connections() > 0) await turn()
}

const halfHello = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])

test('plain HTTP is answered with a 400 that says what is wrong, and closed', async (t) => {
  const plane = await start(t, { tls: { strictTransportSecurity: 'max-age=1' } })
  for (const [path, rest] of [
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', ''],
    ['G', 'ET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello', ''],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ''],
  ] as const) {
    const client = await RawClient.connect(t, plane.port)
    client.say(path)
    await client.hear(/HTTPS/)
    if (rest !== '') client.say(rest)
    client.socket.end()
    const heard = await client.goodbye()
    assert.match(heard, /^HTTP\/1.1 400 Bad Request\r\n.*This port speaks HTTPS/s)
    assert.match(heard, /\r\nConnection: close\r\n/)
    // RFC 6797 §7.2: not without TLS.
    assert.doesNotMatch(heard, /Strict-Transport-Security/)
  }
  await empty(plane)
})

test('a handshake that does not come, or stops, is closed in time', async (t) => {
  const plane = await start(t, { tls: { handshakeTimeout: 100 } })
  const silent = await RawClient.connect(t, plane.port)
  assert.equal(await silent.goodbye(), '')
  assert.deepEqual(plane.events, [])
  const stopped = await RawClient.connect(t, plane.port)
  stopped.socket.write(halfHello)
  assert.equal(await stopped.goodbye(), '')
  assert.equal((await plane.event('handshake-failed')).cause, 'its TLS handshake did not finish in time')
  await empty(plane)
})

test('a client that sends its ClientHello and nothing more is closed in time', async (t) => {
  const plane = await start(t, { tls: { handshakeTimeout: 1500 } })
  const hello = await helloOf(t, { servername: 'localhost' })
  const client = await RawClient.connect(t, plane.port)
  client.socket.write(hello)
  const heard = await client.goodbye()
  assert.equal(heard.charCodeAt(0), 22, 'a ServerHello')
  assert.equal((await plane.event('handshake-failed')).cause, 'its TLS handshake did not finish in time')
  await empty(plane)
})

const hostile: Readonly<Record<string, Buffer>> = {
  garbage: Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]),
  'a record of data': Buffer.from([23, 3, 3, 0, 5, 1, 2, 3, 4, 5]),
  'a record that is too large': Buffer.from([22, 3, 1, 255, 255, 1, 0, 0]),
  'a giant ClientHello': Buffer.concat([Buffer.from([22, 3, 1, 64, 0, 1, 3, 0, 0]), Buffer.alloc(16_000)]),
  'a ClientHello of nothing': Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]),
  'a ClientHello of zeros': Buffer.concat([Buffer.from([22, 3, 1, 0, 104, 1, 0, 0, 100]), Buffer.alloc(100)]),
  'SSL 2': Buffer.from([0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 7, 0, 0xc0]),
}

for (const [name, bytes] of Object.entries(hostile)) {
  test(`${name} ends the connection, with a line in the log, and others are served`, async (t) => {
    const plane = await start(t)
    const client = await RawClient.connect(t, plane.port)
    client.socket.write(bytes)
    await client.goodbye()
    assert.notEqual((await plane.event('handshake-failed')).cause, '')
    await empty(plane)
    const honest = await RawClient.connectSecurely(t, plane.port, { ca: authority.ca })
    assert.equal(await honest.ask('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'served')
  })
}

for (const [servername, cause] of [
  ['', 'there is no certificate yet'],
  ['a.example', 'no certificate covers the host that it names'],
] as const) {
  test(`where there is no certificate for "${servername}", the client gets an alert, and the log says why`, async (t) => {
    const plane = await start(t, { certificates: [], tls: { unknownNames: 'refuse' } })
    await assert.rejects(secureConnection(plane.port, { servername }), { code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME' })
    assert.equal((await plane.event('handshake-failed')).cause, cause)
    await empty(plane)
  })
}

test('clients that leave at any moment of the handshake leave nothing behind', async (t) => {
  const plane = await start(t)
  const hello = await helloOf(t, { servername: 'localhost' })
  for (const leave of ['end', 'reset'] as const) {
    for (const sent of [0, 1, 5, 100, hello.length]) {
      const client = await RawClient.connect(t, plane.port)
      client.socket.write(hello.subarray(0, sent))
      if (sent === hello.length) await client.hear(/./s)
      if (leave === 'end') client.socket.end()
      else client.socket.resetAndDestroy()
      await client.closed()
    }
  }
  await empty(plane)
})

test('a ClientHello may come one byte at a time', async (t) => {
  const plane = await start(t)
  const hello = await helloOf(t, { servername: 'localhost' })
  const client = await RawClient.connect(t, plane.port)
  client.socket.setNoDelay(true)
  for (const byte of hello) {
    client.socket.write(Buffer.of(byte))
    await turn()
  }
  const heard = await client.hear(/./s)
  assert.equal(heard.charCodeAt(0), 22, 'a ServerHello')
})

test('many failures are reported in one line', async (t) => {
  const plane = await start(t)
  for (let count = 0; count < 20; count++) {
    const client = await RawClient.connect(t, plane.port)
    client.socket.write(hostile.garbage!)
    await client.goodbye()
  }
  assert.equal(plane.events.length, 1)
})

test('where there are too many connections from an address, the next one is closed before its handshake', async (t) => {
  const records: ExchangeRecord[] = []
  const observers = [{ ended: (record: ExchangeRecord) => records.push(record) }]
  const plane = await start(t, { config: { limits: { connectionsPerAddress: 2 } }, observers })
  const options = { ca: authority.ca }
  const first = await RawClient.connectSecurely(t, plane.port, options)
  await RawClient.connectSecurely(t, plane.port, options)
  await assert.rejects(RawClient.connectSecurely(t, plane.port, options), { code: 'ECONNRESET' })
  const { cause, address } = await plane.event('connection-refused')
  assert.deepEqual(
    [cause, address],
    ['there are too many connections from this address (limits.connectionsPerAddress)', '127.0.0.1'],
  )
  // As without TLS, except that no answer is sent.
  assert.deepEqual(
    records.map(({ status, bytesSent, clientAddress }) => [status, bytesSent, clientAddress]),
    [[503, 0, '127.0.0.1']],
  )
  first.socket.destroy()
  while (plane.scoreboard.clients.connections() > 1) await turn()
  await RawClient.connectSecurely(t, plane.port, options)
})

test('a worker that stops closes connections within their handshake', async (t) => {
  const plane = await start(t)
  const client = await RawClient.connect(t, plane.port)
  client.socket.write(halfHello)
  while (plane.scoreboard.clients.connections() === 0) await turn()
  plane.plane.stop()
  await client.goodbye()
})

test('a connection that ends, ends with a close_notify', { skip: missing('openssl') }, async (t) => {
  const plane = await start(t, { config: { timeouts: { idle: '100ms' } } })
  for (const [request, ending] of [
    ['GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 'answered'],
    ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'idle'],
    ['GET\r\n\r\n', 'refused'],
  ] as const) {
    // OpenSSL reports an error where it is missing. Node.js does not.
    const client = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${plane.port}`, '-quiet', '-no_ign_eof'])
    client.stdin.write(request)
    const [errors] = await Promise.all([text(client.stderr), once(client, 'close')])
    assert.doesNotMatch(errors, /unexpected eof|reset/i, ending)
  }
})
