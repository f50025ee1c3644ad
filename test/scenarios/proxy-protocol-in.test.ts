/** The PROXY protocol in front of Limpet: a proxy names the client of each connection. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { encodeProxyHeader, localHeader } from '../../src/proxy-protocol/proxy-header.ts'
import { parseIpAddress } from '../../src/runtime/ip-address.ts'
import { startHaproxy, testWithHaproxy } from '../support/haproxy.ts'
import { runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { throughTo } from '../support/through.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const CLIENT = 'PROXY TCP4 192.0.2.1 203.0.113.9 53764 80\r\n'

/** The address of a server that answers with the forwarding fields that it got. */
async function echo(test: TestContext): Promise<string> {
  const { address } = await httpOrigin(test, ({ headers }, response) => {
    response.end(`<${headers['x-forwarded-for']} ${headers['x-forwarded-proto']}>`)
  })
  return address
}

/** Every connection begins with a PROXY header, from whatever address it comes. */
const believingAll = (server: string) => `
  listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: true }]
  workers: 1
  routes: [{ path: /*, upstream: one }]
  upstreams: { one: { servers: [${server}] } }
`

const headers: [string, string | Buffer][] = [
  ['version 1', CLIENT],
  [
    'version 2',
    encodeProxyHeader(
      'v2',
      { address: parseIpAddress('192.0.2.1')!, port: 53764 },
      { address: parseIpAddress('203.0.113.9')!, port: 80 },
    ),
  ],
]

for (const [name, header] of headers) {
  describe(`a PROXY header of ${name}`, () => {
    test('names the client, in the log and in what the server gets', async (t) => {
      const limpet = await startLimpet(t, believingAll(await echo(t)))
      const client = await RawClient.connect(t, limpet.port)
      assert.equal(await client.ask(header, GET), '192.0.2.1 http')
      assert.equal(await client.ask(GET), '192.0.2.1 http')
      await limpet.log.matching(/^192\.0\.2\.1 .* 200 /, 2)
    })

    test('may come byte by byte', async (t) => {
      const limpet = await startLimpet(t, believingAll(await echo(t)))
      const client = await RawClient.connect(t, limpet.port)
      client.socket.setNoDelay(true)
      for (const byte of Buffer.concat([Buffer.from(header), Buffer.from(GET)]))
        await new Promise((resolve) => client.socket.write(Uint8Array.of(byte), resolve))
      assert.match(await client.hear(/>/), /<192\.0\.2\.1 http>/)
    })

    test('may be followed by a single request and the end of the connection', async (t) => {
      const limpet = await startLimpet(t, believingAll(await echo(t)))
      const client = await RawClient.connect(t, limpet.port)
      client.socket.end(Buffer.concat([Buffer.from(header), Buffer.from(GET)]))
      assert.match(await client.goodbye(), /<192\.0\.2\.1 http>$/)
    })
  })
}

test('the client may have an IPv6 address', async (t) => {
  const limpet = await startLimpet(t, believingAll(await echo(t)))
  const client = await RawClient.connect(t, limpet.port)
  assert.equal(await client.ask('PROXY TCP6 2001:DB8::1 ::1 1 2\r\n', GET), '2001:db8::1 http')
})

test('a client that came by TLS came by HTTPS', async (t) => {
  const limpet = await startLimpet(t, believingAll(await echo(t)))
  const client = await RawClient.connect(t, limpet.port)
  const tls = Buffer.from('0d0a0d0a000d0a515549540a21110014c0000201cb007109d20400502000050100000000', 'hex')
  assert.equal(await client.ask(tls, GET.replace('\r\n\r\n', '\r\nX-Forwarded-Proto: http\r\n\r\n')), '192.0.2.1 https')
})

test('the port is the one that the header names, or that of the listener where it names none', async (t) => {
  const portTo = async (header: string | Buffer, settings: object = {}, ...lines: string[]) => {
    const listeners = [{ address: '127.0.0.1', port: 0, proxyProtocol: true }]
    const { limpet, origin, client } = await throughTo(t, { listeners, ...settings })
    client.socket.write(header)
    client.say(['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n'))
    const port = /\r\nX-Forwarded-Port: (.*)\r\n/.exec(await origin.request())![1]!
    return port === String(limpet.port) ? 'own' : port
  }
  for (const [, header] of headers) assert.equal(await portTo(header), '80')
  assert.equal(await portTo(CLIENT.replace(' 80', ' 443'), {}, 'X-Forwarded-Port: 1'), '443')
  for (const version of ['v1', 'v2'] as const) assert.equal(await portTo(localHeader(version)), 'own')
  const trusted = { trustedProxies: ['127.0.0.1', '192.0.2.1'] }
  assert.equal(await portTo(CLIENT, trusted, 'X-Forwarded-Proto: https', 'X-Forwarded-Port: 8443'), '8443')
  assert.equal(await portTo(CLIENT, trusted, 'X-Forwarded-Proto: https'), '443')
})

test('a connection that the proxy opened on its own behalf has the proxy as its client', async (t) => {
  const limpet = await startLimpet(t, believingAll(await echo(t)))
  for (const version of ['v1', 'v2'] as const) {
    const client = await RawClient.connect(t, limpet.port)
    assert.equal(await client.ask(localHeader(version), GET), '127.0.0.1 http')
  }
})

describe('a connection', () => {
  test('without a header is closed without an answer, and a flood of them is one line in the log', async (t) => {
    const limpet = await startLimpet(t, believingAll(await echo(t)))
    for (let i = 0; i < 20; i++) {
      const client = await RawClient.connect(t, limpet.port)
      client.say(GET)
      assert.equal(await client.goodbye(), '')
    }
    const client = await RawClient.connect(t, limpet.port)
    await client.ask(CLIENT, GET)
    const [warning] = await limpet.errors.matching(/closed/, 1)
    const place = `listener 127\\.0\\.0\\.1 port ${limpet.port}`
    assert.match(
      warning!,
      new RegExp(`${place}: a connection from 127\\.0\\.0\\.1 was closed: it does not begin with a PROXY`),
    )
    assert.equal(limpet.errors.all.filter((line) => /closed/.test(line)).length, 1)
    await limpet.log.find(/^192/)
    assert.equal(limpet.log.all.length, 1)
  })

  test('whose header does not arrive in time is closed without an answer', async (t) => {
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: true }]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${await echo(t)}] } }
      timeouts: { head: 200ms }
    `
    const limpet = await startLimpet(t, config)
    const silent = await RawClient.connect(t, limpet.port)
    assert.equal(await silent.goodbye(), '')
    const knocking = await RawClient.connect(t, limpet.port)
    knocking.socket.end()
    assert.equal(await knocking.goodbye(), '')
    const slow = await RawClient.connect(t, limpet.port)
    slow.say('PROXY TCP4 192.0')
    assert.equal(await slow.goodbye(), '')
    await limpet.errors.find(/its PROXY header did not come in time/)
    assert.equal(limpet.errors.all.filter((line) => /closed/.test(line)).length, 1)
  })

  test('whose header is incomplete does not delay the stop', async (t) => {
    const limpet = await startLimpet(t, believingAll(await echo(t)))
    const waiting = await RawClient.connect(t, limpet.port)
    waiting.say('PROXY ')
    const client = await RawClient.connect(t, limpet.port)
    await client.ask(CLIENT, GET)
    limpet.process.kill('SIGTERM')
    assert.equal(await waiting.goodbye(), '')
    assert.equal(await limpet.exit, 0)
  })
})

describe('where some proxies are trusted', () => {
  const forged = GET.replace('\r\n\r\n', '\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n')

  test('the others may only connect on their own behalf', async (t) => {
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: true }]
      trustedProxies: [127.0.0.2]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${await echo(t)}] } }
    `
    const limpet = await startLimpet(t, config)
    const forger = await RawClient.connect(t, limpet.port, '127.0.0.3')
    forger.say(CLIENT + GET)
    assert.equal(await forger.goodbye(), '')
    await limpet.errors.find(/from 127\.0\.0\.3 was closed: it speaks for others, and is not a trusted proxy/)
    const honest = await RawClient.connect(t, limpet.port, '127.0.0.3')
    assert.equal(await honest.ask('PROXY UNKNOWN\r\n', GET), '127.0.0.3 http')
    const proxy = await RawClient.connect(t, limpet.port, '127.0.0.2')
    assert.equal(await proxy.ask(CLIENT, GET), '192.0.2.1 http')
  })

  test('X-Forwarded-For counts only if the client that the header names is a trusted proxy itself', async (t) => {
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: true }]
      trustedProxies: [127.0.0.1, 192.0.2.128/25]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${await echo(t)}] } }
    `
    const limpet = await startLimpet(t, config)
    const client = await RawClient.connect(t, limpet.port)
    assert.equal(await client.ask(CLIENT, forged), '198.51.100.7, 192.0.2.1 http')
    await limpet.log.find(/^192\.0\.2\.1 /)
    const behind = await RawClient.connect(t, limpet.port)
    assert.equal(
      await behind.ask(CLIENT.replace('192.0.2.1 ', '192.0.2.200 '), forged),
      '198.51.100.7, 192.0.2.200 http',
    )
    await limpet.log.find(/^198\.51\.100\.7 /)
  })
})

describe('limits of connections', () => {
  test('count by the address that the header names', async (t) => {
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: true }]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${await echo(t)}] } }
      limits: { connectionsPerAddress: 2 }
    `
    const limpet = await startLimpet(t, config)
    for (let i = 0; i < 2; i++) await (await RawClient.connect(t, limpet.port)).ask(CLIENT, GET)
    const third = await RawClient.connect(t, limpet.port)
    third.say(CLIENT + GET)
    assert.match(await third.goodbye(), /^HTTP\/1.1 503 /)
    for (const address of ['192.0.2.2', '192.0.2.3', '192.0.2.4'])
      await (await RawClient.connect(t, limpet.port)).ask(CLIENT.replace('192.0.2.1', address), GET)
  })

  test('count connections whose header has not arrived yet', async (t) => {
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: true }]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${await echo(t)}] } }
      limits: { connections: 3 }
    `
    const limpet = await startLimpet(t, config)
    const waiting = await Promise.all([1, 2].map(() => RawClient.connect(t, limpet.port)))
    const client = await RawClient.connect(t, limpet.port)
    await client.ask(CLIENT, GET)
    const fourth = await RawClient.connect(t, limpet.port)
    assert.match(await fourth.goodbye(), /^HTTP\/1.1 503 /)
    assert.equal(await waiting[0]!.ask(CLIENT, GET), '192.0.2.1 http')
  })
})

test('limpet healthcheck connects on its own behalf', async (t) => {
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: true }]
    trustedProxies: [192.0.2.1]
    routes: [{ path: /*, upstream: one }]
    upstreams: { one: { servers: [${await echo(t)}] } }
  `
  const limpet = await startLimpet(t, config)
  const origin = { STATIC_BACKEND: '127.0.0.1:1', DYNAMIC_BACKEND: '127.0.0.1:1' }
  const refused = await runLimpet(['healthcheck', '-p', String(limpet.port), '--timeout', '5000'], origin)
  assert.match(refused.stdout, /^unhealthy: /)
  const file = limpet.process.spawnargs[limpet.process.spawnargs.indexOf('-c') + 1]!
  const { stdout, code } = await runLimpet(['healthcheck', '-c', file, '-p', String(limpet.port)])
  assert.match(stdout, /answers \(400\)/)
  assert.equal(code, 0)
})

const sending = [
  'send-proxy',
  'send-proxy-v2',
  'send-proxy-v2-ssl-cn',
  'send-proxy-v2 proxy-v2-options crc32c,unique-id',
]
for (const option of sending) {
  testWithHaproxy(`behind HAProxy with ${option}, the client is known`, async (t) => {
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: true }]
      trustedProxies: [127.0.0.1]
      workers: 1
      routes: [{ path: /*, upstream: one }]
      upstreams: { one: { servers: [${await echo(t)}] } }
    `
    const limpet = await startLimpet(t, config)
    const haproxy = `
      default_backend back
      unique-id-format id-%rt
    backend back
      server s 127.0.0.1:${limpet.port} ${option}
    `
    const port = await startHaproxy(t, '', haproxy)
    const client = await RawClient.connect(t, port, '127.0.0.5')
    assert.equal(await client.ask(GET), '127.0.0.5 http')
    await limpet.log.find(/^127\.0\.0\.5 /)
  })
}
