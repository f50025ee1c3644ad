/** The PROXY protocol: whose a connection is, as the proxies in front of Limpet say, and as Limpet tells its servers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { decodeProxyHeader, encodeProxyHeader, localHeader } from '../../src/proxy-protocol/proxy-header.ts'
import { parseIpAddress } from '../../src/runtime/ip-address.ts'
import { startHaproxy, testWithHaproxy } from '../support/haproxy.ts'
import { type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { throughTo } from '../support/through.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const CLIENT = 'PROXY TCP4 192.0.2.1 203.0.113.9 53764 80\r\n'

/** Limpet on a listener with `proxyProtocol`; its server answers with the forwarding fields that it got. */
async function behindProxy(test: TestContext, settings: object = {}): Promise<Limpet> {
  const origin = await httpOrigin(test, ({ headers }, response) => {
    response.end(`<${headers['x-forwarded-for']} ${headers['x-forwarded-proto']}>`)
  })
  return startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0, proxyProtocol: true }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'one' }],
    upstreams: { one: { servers: [origin.address] } },
    ...settings,
  })
}

/** What the server got: of the last answer, the words between `<` and `>`. */
async function answerTo(client: RawClient, ...said: (string | Buffer)[]): Promise<string> {
  client.socket.write(Buffer.concat(said.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))))
  return /<(.*)>/.exec(await client.take(/<.*>/))![1]!
}

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
  describe(`a connection that begins with a header of ${name}`, () => {
    test('is that of the client that it names, in the log and in what the server gets', async (t) => {
      const limpet = await behindProxy(t)
      const client = await RawClient.connect(t, limpet.port)
      assert.equal(await answerTo(client, header, GET), '192.0.2.1 http')
      assert.equal(await answerTo(client, GET), '192.0.2.1 http')
      await limpet.log.matching(/^192\.0\.2\.1 .* 200 /, 2)
    })

    test('may come byte by byte', async (t) => {
      const limpet = await behindProxy(t)
      const client = await RawClient.connect(t, limpet.port)
      client.socket.setNoDelay(true)
      for (const byte of Buffer.concat([Buffer.from(header), Buffer.from(GET)]))
        await new Promise((resolve) => client.socket.write(Uint8Array.of(byte), resolve))
      assert.match(await client.hear(/>/), /<192\.0\.2\.1 http>/)
    })

    test('may end after its request', async (t) => {
      const limpet = await behindProxy(t)
      const client = await RawClient.connect(t, limpet.port)
      client.socket.end(Buffer.concat([Buffer.from(header), Buffer.from(GET)]))
      assert.match(await client.goodbye(), /<192\.0\.2\.1 http>$/)
    })
  })
}

describe('a connection', () => {
  test('of IPv6 clients', async (t) => {
    const limpet = await behindProxy(t)
    const client = await RawClient.connect(t, limpet.port)
    assert.equal(await answerTo(client, 'PROXY TCP6 2001:DB8::1 ::1 1 2\r\n', GET), '2001:db8::1 http')
  })

  test('of a client that came by TLS is one by HTTPS', async (t) => {
    const limpet = await behindProxy(t)
    const client = await RawClient.connect(t, limpet.port)
    const tls = Buffer.from('0d0a0d0a000d0a515549540a21110014c0000201cb007109d20400502000050100000000', 'hex')
    assert.equal(
      await answerTo(client, tls, GET.replace('\r\n\r\n', '\r\nX-Forwarded-Proto: http\r\n\r\n')),
      '192.0.2.1 https',
    )
  })

  test('came to the port that the header names, and to the listener where it names none', async (t) => {
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

  test('that the proxy opened for itself has the proxy for a client', async (t) => {
    const limpet = await behindProxy(t)
    for (const version of ['v1', 'v2'] as const) {
      const client = await RawClient.connect(t, limpet.port)
      assert.equal(await answerTo(client, localHeader(version), GET), '127.0.0.1 http')
    }
  })

  test('without a header is closed without an answer, and a flood of them is one line in the log', async (t) => {
    const limpet = await behindProxy(t)
    for (let i = 0; i < 20; i++) {
      const client = await RawClient.connect(t, limpet.port)
      client.say(GET)
      assert.equal(await client.goodbye(), '')
    }
    const client = await RawClient.connect(t, limpet.port)
    await answerTo(client, CLIENT, GET)
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

  test('on which nobody says anything is closed without a word', async (t) => {
    const limpet = await behindProxy(t, { timeouts: { head: '200ms' } })
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

  test('that is still without its header does not hold up the stop', async (t) => {
    const limpet = await behindProxy(t)
    const waiting = await RawClient.connect(t, limpet.port)
    waiting.say('PROXY ')
    const client = await RawClient.connect(t, limpet.port)
    await answerTo(client, CLIENT, GET)
    limpet.process.kill('SIGTERM')
    assert.equal(await waiting.goodbye(), '')
    assert.equal(await limpet.exit, 0)
  })
})

describe('where some proxies are trusted', () => {
  const forged = GET.replace('\r\n\r\n', '\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n')

  test('others may speak for themselves only', async (t) => {
    const limpet = await behindProxy(t, { trustedProxies: ['127.0.0.2'] })
    const forger = await RawClient.connect(t, limpet.port, '127.0.0.3')
    forger.say(CLIENT + GET)
    assert.equal(await forger.goodbye(), '')
    await limpet.errors.find(/from 127\.0\.0\.3 was closed: it speaks for others, and is not a trusted proxy/)
    const honest = await RawClient.connect(t, limpet.port, '127.0.0.3')
    assert.equal(await answerTo(honest, 'PROXY UNKNOWN\r\n', GET), '127.0.0.3 http')
    const proxy = await RawClient.connect(t, limpet.port, '127.0.0.2')
    assert.equal(await answerTo(proxy, CLIENT, GET), '192.0.2.1 http')
  })

  test('the client that a header names is believed no other, unless it is a trusted proxy itself', async (t) => {
    const limpet = await behindProxy(t, { trustedProxies: ['127.0.0.1', '192.0.2.128/25'] })
    const client = await RawClient.connect(t, limpet.port)
    assert.equal(await answerTo(client, CLIENT, forged), '198.51.100.7, 192.0.2.1 http')
    await limpet.log.find(/^192\.0\.2\.1 /)
    const behind = await RawClient.connect(t, limpet.port)
    assert.equal(
      await answerTo(behind, CLIENT.replace('192.0.2.1 ', '192.0.2.200 '), forged),
      '198.51.100.7, 192.0.2.200 http',
    )
    await limpet.log.find(/^198\.51\.100\.7 /)
  })
})

describe('limits of connections', () => {
  test('count by the address that the header names', async (t) => {
    const limpet = await behindProxy(t, { limits: { connectionsPerAddress: 2 } })
    const first = await RawClient.connect(t, limpet.port)
    await answerTo(first, CLIENT, GET)
    await answerTo(await RawClient.connect(t, limpet.port), CLIENT, GET)
    const third = await RawClient.connect(t, limpet.port)
    third.say(CLIENT + GET)
    assert.match(await third.goodbye(), /^HTTP\/1.1 503 /)
    for (const address of ['192.0.2.2', '192.0.2.3', '192.0.2.4'])
      await answerTo(await RawClient.connect(t, limpet.port), CLIENT.replace('192.0.2.1', address), GET)
  })

  test('count those that are still without a header', async (t) => {
    const limpet = await behindProxy(t, { limits: { connections: 3 } })
    const waiting = await Promise.all([1, 2].map(() => RawClient.connect(t, limpet.port)))
    const client = await RawClient.connect(t, limpet.port)
    await answerTo(client, CLIENT, GET)
    const fourth = await RawClient.connect(t, limpet.port)
    assert.match(await fourth.goodbye(), /^HTTP\/1.1 503 /)
    assert.equal(await answerTo(waiting[0]!, CLIENT, GET), '192.0.2.1 http')
  })
})

test('limpet healthcheck speaks for itself', async (t) => {
  const limpet = await behindProxy(t, { trustedProxies: ['192.0.2.1'] })
  const origin = { STATIC_BACKEND: '127.0.0.1:1', DYNAMIC_BACKEND: '127.0.0.1:1' }
  const refused = await runLimpet(['healthcheck', '-p', String(limpet.port), '--timeout', '5000'], origin)
  assert.match(refused.stdout, /^unhealthy: /)
  const file = limpet.process.spawnargs[limpet.process.spawnargs.indexOf('-c') + 1]!
  const { stdout, code } = await runLimpet(['healthcheck', '-c', file, '-p', String(limpet.port)])
  assert.match(stdout, /answers \(400\)/)
  assert.equal(code, 0)
})

// ── to servers ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** A server that tells of its connections: with what each began, and how many requests came on it. */
interface Told {
  readonly address: string
  readonly connections: { readonly header: string; requests: number; readonly socket: Socket }[]
}

async function toldServer(test: TestContext): Promise<Told> {
  const connections: Told['connections'] = []
  const { address } = await rawOrigin(test, (socket) => {
    let connection: Told['connections'][number] | undefined
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
  return { address, connections }
}

function telling(
  test: TestContext,
  version: string,
  servers: readonly Told[],
  settings: object = {},
  upstream: object = {},
) {
  return startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'told' }],
    upstreams: { told: { proxyProtocol: version, servers: servers.map(({ address }) => address), ...upstream } },
    ...settings,
  })
}

const seen = ({ connections }: Told) => connections.map(({ header, requests }) => `${header}: ${requests}`)
const localPort = ({ socket }: RawClient) => (socket.address() as AddressInfo).port

for (const version of ['v1', 'v2']) {
  describe(`an upstream with proxyProtocol: ${version}`, () => {
    test('is told whose each connection is, once, and has it for that client alone', async (t) => {
      const server = await toldServer(t)
      const limpet = await telling(t, version, [server])
      const one = await RawClient.connect(t, limpet.port)
      const other = await RawClient.connect(t, limpet.port, '127.0.0.9')
      for (const client of [one, other, one, other, one]) await answerTo(client, GET)
      assert.deepEqual(seen(server), [
        `127.0.0.1 ${localPort(one)} to 127.0.0.1 ${limpet.port}: 3`,
        `127.0.0.9 ${localPort(other)} to 127.0.0.1 ${limpet.port}: 2`,
      ])
    })

    test('is told of the client that a trusted proxy names, and never of another on its connection', async (t) => {
      const server = await toldServer(t)
      const limpet = await telling(t, version, [server], { trustedProxies: ['127.0.0.1'] })
      const proxy = await RawClient.connect(t, limpet.port)
      for (const address of ['192.0.2.1', '192.0.2.1', '2001:db8::1', '192.0.2.1'])
        await answerTo(proxy, GET.replace('\r\n\r\n', `\r\nX-Forwarded-For: ${address}\r\n\r\n`))
      await answerTo(proxy, GET)
      const to = `to 127.0.0.1 ${limpet.port}`
      assert.deepEqual(seen(server), [
        `192.0.2.1 0 ${to}: 2`,
        `2001:db8::1 0 ${to}: 1`,
        `192.0.2.1 0 ${to}: 1`,
        `127.0.0.1 ${localPort(proxy)} ${to}: 1`,
      ])
    })

    test('is told what a proxy in front said', async (t) => {
      const server = await toldServer(t)
      const listeners = [{ address: '127.0.0.1', port: 0, proxyProtocol: true }]
      const limpet = await telling(t, version, [server], { listeners })
      await answerTo(await RawClient.connect(t, limpet.port), CLIENT, GET)
      await answerTo(await RawClient.connect(t, limpet.port), 'PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n', GET)
      assert.deepEqual(seen(server), ['192.0.2.1 53764 to 203.0.113.9 80: 1', '2001:db8::1 1 to 2001:db8::2 2: 1'])
    })

    test('is told again on a connection that takes the place of one that had gone stale', async (t) => {
      const server = await toldServer(t)
      const limpet = await telling(t, version, [server])
      const client = await RawClient.connect(t, limpet.port)
      await answerTo(client, GET)
      server.connections[0]!.socket.resetAndDestroy()
      await answerTo(client, GET)
      const header = `127.0.0.1 ${localPort(client)} to 127.0.0.1 ${limpet.port}`
      assert.deepEqual(seen(server), [`${header}: 1`, `${header}: 1`])
    })
  })
}

test('the next server is told as well, where one cannot be reached', async (t) => {
  const server = await toldServer(t)
  const dead = { address: '127.0.0.1:1', connections: [] }
  const limpet = await telling(t, 'v1', [dead, server], {}, { balance: 'round-robin' })
  for (let i = 0; i < 2; i++) await answerTo(await RawClient.connect(t, limpet.port), GET)
  assert.equal(server.connections.length, 2)
})

test('a client that leaves takes its connections to servers with it', async (t) => {
  const server = await toldServer(t)
  const limpet = await telling(t, 'v2', [server])
  const client = await RawClient.connect(t, limpet.port)
  await answerTo(client, GET)
  const { socket } = server.connections[0]!
  client.socket.destroy()
  await once(socket, 'close')
})

// ── HAProxy as the oracle ──────────────────────────────────────────────────────────────────────────────────────────

const sending = [
  'send-proxy',
  'send-proxy-v2',
  'send-proxy-v2-ssl-cn',
  'send-proxy-v2 proxy-v2-options crc32c,unique-id',
]
for (const option of sending) {
  testWithHaproxy(`behind HAProxy with ${option}, the client is known`, async (t) => {
    const limpet = await behindProxy(t, { trustedProxies: ['127.0.0.1'] })
    const backend = ` default_backend back\n unique-id-format id-%rt\nbackend back\n server s 127.0.0.1:${limpet.port} ${option}`
    const port = await startHaproxy(t, '', backend)
    const client = await RawClient.connect(t, port, '127.0.0.5')
    assert.equal(await answerTo(client, GET), '127.0.0.5 http')
    await limpet.log.find(/^127\.0\.0\.5 /)
  })
}

for (const version of ['v1', 'v2']) {
  testWithHaproxy(`a health check reaches a server that insists on a header of ${version}`, async (t) => {
    const port = await startHaproxy(
      t,
      'accept-proxy',
      ' http-request return status 200 string well content-type text/plain',
    )
    const limpet = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      routes: [{ path: '/*', upstream: 'one' }],
      upstreams: {
        one: {
          servers: [`127.0.0.1:${port}`],
          proxyProtocol: version,
          health: { check: { type: 'http', path: '/', interval: '100ms', body: 'well', initial: 'down' } },
        },
      },
    })
    await limpet.errors.find(/ is up \(GET \/ answered 200\)/)
  })
}

for (const version of ['v1', 'v2']) {
  testWithHaproxy(`HAProxy knows the client by what it is told in ${version}`, async (t) => {
    const tell = ' http-request return status 200 content-type text/plain lf-string "<%ci %cp %fi %fp>"'
    const port = await startHaproxy(t, 'accept-proxy', tell)
    const limpet = await telling(t, version, [{ address: `127.0.0.1:${port}`, connections: [] }])
    const client = await RawClient.connect(t, limpet.port, '127.0.0.5')
    assert.equal(await answerTo(client, GET), `127.0.0.5 ${localPort(client)} 127.0.0.1 ${limpet.port}`)
  })
}
