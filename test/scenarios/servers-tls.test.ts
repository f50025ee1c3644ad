/** Servers by TLS: whom Limpet trusts, what it shows and offers, and what it says where there is no connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer as createHttpsServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { connect as connectSecurely, createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { TestAuthority } from '../support/certificates.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { authority, authorityFile, type KindOfServer, listen, pem, serverOf } from '../support/server-kinds.ts'

const configOf = (servers: readonly string[], settings: object) => ({
  listeners: [{ address: '127.0.0.1', port: 0 }],
  workers: 1,
  routes: [{ path: '/*', upstream: 'app' }],
  upstreams: { app: { servers, ...settings } },
})

/** A server that says which name it was asked for, what was agreed, and whether the session was continued. */
function tellingServer(t: TestContext, options: TlsOptions = pem): Promise<KindOfServer> {
  const server = createHttpsServer({ keepAliveTimeout: 60_000, ...pem, ...options }, (request, response) => {
    const { servername, alpnProtocol, isSessionReused } = request.socket as TLSSocket & { isSessionReused(): boolean }
    const subject = (request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'nobody'
    response.end(`<${servername || '-'} ${alpnProtocol} ${isSessionReused.call(request.socket)} ${subject}>`)
  })
  return listen(t, server)
}

async function ask(t: TestContext, port: number): Promise<string> {
  const client = await RawClient.connect(t, port)
  const answer = await client.ask('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  client.socket.destroy()
  return answer
}

test('the host of the address is asked for by SNI, but not an IP address', async (t) => {
  const { address } = await tellingServer(t)
  const port = address.split(':')[1]
  const ca = await authorityFile(t)
  const byAddress = await startDataPlane(t, configOf([address], { tls: { ca } }))
  assert.equal(await ask(t, byAddress.port), '- http/1.1 false nobody')
  const byName = await startDataPlane(t, configOf([`localhost:${port}`], { tls: { ca } }))
  assert.equal(await ask(t, byName.port), 'localhost http/1.1 false nobody')
})

test('serverName is asked for, and is what the certificate must cover', async (t) => {
  const other = await authority.issue(['app.internal'])
  const { address } = await tellingServer(t, other)
  const tls = { ca: await authorityFile(t), serverName: 'app.internal' }
  const plane = await startDataPlane(t, configOf([address], { tls }))
  assert.equal(await ask(t, plane.port), 'app.internal http/1.1 false nobody')
})

test('verify: false accepts any certificate', async (t) => {
  const { address } = await tellingServer(t, await authority.issue(['other.example']))
  const plane = await startDataPlane(t, configOf([address], { tls: { verify: false } }))
  assert.equal(await ask(t, plane.port), '- http/1.1 false nobody')
})

test('a certificate of its own is shown to a server that asks for one', async (t) => {
  const folder = await temporaryFolder(t)
  const mine = await authority.issueToClient('CN=limpet')
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  await Promise.all([writeFile(cert, mine.cert), writeFile(key, mine.key)])
  const options = { ...pem, requestCert: true, rejectUnauthorized: true, ca: authority.ca }
  const { address } = await tellingServer(t, options)
  const plane = await startDataPlane(t, configOf([address], { tls: { ca: await authorityFile(t), cert, key } }))
  assert.equal(await ask(t, plane.port), '- http/1.1 false limpet')
})

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`the last session is continued by the next connection (${maxVersion})`, async (t) => {
    const { address, connections } = await tellingServer(t, { ...pem, maxVersion })
    const settings = { tls: { ca: await authorityFile(t) }, keepAlive: { connections: 0 } }
    const plane = await startDataPlane(t, configOf([address], settings))
    const answers = []
    for (let i = 0; i < 4; i++) answers.push(await ask(t, plane.port))
    assert.deepEqual(
      answers.map((answer) => answer.split(' ')[2]),
      ['false', 'true', 'true', 'true'],
    )
    assert.equal(connections.length, 4)
  })
}

test('a PROXY header goes before the handshake', async (t) => {
  let heard = ''
  const inner = createTlsServer(pem, (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ok>'))
  })
  const origin = await rawOrigin(t, (socket) => {
    socket.once('data', (bytes: Buffer) => {
      const end = bytes.indexOf('\r\n') + 2
      heard = bytes.toString('latin1', 0, end)
      socket.pause()
      if (bytes.length > end) socket.unshift(bytes.subarray(end))
      inner.emit('connection', socket)
    })
  })
  const settings = { tls: { ca: await authorityFile(t) }, proxyProtocol: 'v1' }
  const plane = await startDataPlane(t, configOf([origin.address], settings))
  assert.equal(await ask(t, plane.port), 'ok')
  assert.match(heard, /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n$/)
})

test('a server on a Unix socket may have TLS, too', async (t) => {
  const path = join(await temporaryFolder(t), 'app.sock')
  const server = createHttpsServer(pem, (_, response) => response.end('<by socket>'))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.after(() => server.close())
  const tls = { ca: await authorityFile(t), serverName: 'localhost' }
  const plane = await startDataPlane(t, configOf([`unix:${path}`], { tls }))
  assert.equal(await ask(t, plane.port), 'by socket')
})

describe('no connection by TLS is a 502 that the log explains, and the next server is asked', () => {
  const cases: Readonly<Record<string, readonly [() => Promise<TlsOptions>, RegExp]>> = {
    'a name that the certificate does not cover': [
      () => authority.issue(['other.example']),
      /IP: 127\.0\.0\.1 is not in the cert's list: ; if it is the right server, set tls: \{ serverName \}/,
    ],
    'a certificate that has expired': [
      () => authority.issue(['127.0.0.1'], { notAfter: new Date(Date.now() - 60_000) }),
      /certificate has expired; give the server a certificate that is valid/,
    ],
    'a certificate of another authority': [
      async () => (await TestAuthority.create('CN=Other')).issue(['127.0.0.1']),
      /unable to verify the first certificate; set tls: \{ ca \} to the certificate of the authority/,
    ],
    'a certificate that the server demands': [
      async () => ({ ...pem, requestCert: true, rejectUnauthorized: true, ca: authority.ca }),
      /certificate required; if the server demands a certificate of its clients, set tls: \{ cert, key \}/,
    ],
    'a certificate that the server demands, by TLS 1.2': [
      async () => ({ ...pem, requestCert: true, rejectUnauthorized: true, ca: authority.ca, maxVersion: 'TLSv1.2' }),
      /(?:handshake failure|certificate).*; if the server demands a certificate of its clients/,
    ],
    'a server that speaks another protocol': [
      async () => ({ ...pem, ALPNProtocols: ['h2'] }),
      /no application protocol; set protocol to one that the server speaks/,
    ],
  }
  for (const [what, [options, words]] of Object.entries(cases)) {
    test(what, async (t) => {
      const bad = await tellingServer(t, await options())
      const good = await tellingServer(t)
      const tls = { ca: await authorityFile(t) }
      const limpet = await startLimpet(t, configOf([bad.address, good.address], { tls }))
      for (let i = 0; i < 2; i++) assert.equal(await ask(t, limpet.port), '- http/1.1 false nobody')
      const name = bad.address.replace('.', '\\.')
      await limpet.errors.find(new RegExp(`upstream app: server ${name}: no connection by TLS: .*${words.source}`))
      await limpet.errors.find(new RegExp(`server ${name} is suspended for 10 s \\(tls-failed: `))
      const alone = await startLimpet(t, configOf([bad.address], { tls }))
      const client = await RawClient.connect(t, alone.port)
      client.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab')
      assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 502 [\s\S]*The server could not be reached/)
    })
  }

  test('a server that does not speak TLS', async (t) => {
    const { address } = await httpOrigin(t, (_, response) => response.end())
    const limpet = await startLimpet(t, configOf([address], { tls: true }))
    const client = await RawClient.connect(t, limpet.port)
    client.get('/')
    assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 502 /)
    await limpet.errors.find(/no connection by TLS: .*; the server does not speak TLS at this address: /)
  })
})

test('the connect timeout covers the handshake', async (t) => {
  const silent = await rawOrigin(t, () => {})
  const settings = { tls: true, timeouts: { connect: '200ms' } }
  const limpet = await startLimpet(t, configOf([silent.address], settings))
  const client = await RawClient.connect(t, limpet.port)
  client.get('/')
  assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 504 /)
})

test('connections that began with other settings serve no later request', async (t) => {
  const { address, connections } = await tellingServer(t)
  const ca = await authorityFile(t)
  const plane = await startDataPlane(t, configOf([address], { tls: { ca } }))
  await ask(t, plane.port)
  await ask(t, plane.port)
  assert.equal(connections.length, 1)
  await plane.apply(configOf([address], { tls: { ca, serverName: 'localhost' } }))
  assert.equal(await ask(t, plane.port), 'localhost http/1.1 false nobody')
  assert.equal(connections.length, 2)
  await plane.apply(configOf([address], { tls: { ca, serverName: 'localhost' }, timeouts: { connect: '1s' } }))
  await ask(t, plane.port)
  assert.equal(connections.length, 2)
})

describe('a connection that ends without close_notify', () => {
  /** A server that sends that head and `half`, behind a network that then ends the connection on the server's behalf. */
  async function cutAfter(t: TestContext, head: string): Promise<{ address: string; cut: () => void }> {
    const server = createTlsServer(pem, (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n<half>`))
    })
    const { address } = await listen(t, server)
    const [host, port] = address.split(':')
    const open: Socket[] = []
    const { address: relay } = await rawOrigin(t, (near) => {
      const far = connect(Number(port), host)
      open.push(near)
      t.after(() => far.destroy())
      for (const socket of [near, far]) socket.on('error', () => {})
      near.pipe(far)
      far.on('data', (bytes) => near.write(bytes))
    })
    return { address: relay, cut: () => open.at(-1)!.end() }
  }

  // If this fails, Node.js tells the two apart, and Limpet can, too.
  test('cannot be told by Node.js from one that ends with it', async (t) => {
    const { address, cut } = await cutAfter(t, '')
    const socket = connectSecurely({ port: Number(address.split(':')[1]), rejectUnauthorized: false })
    const events: string[] = []
    for (const event of ['end', 'error', 'close']) socket.on(event, () => events.push(event))
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'data')
    cut()
    await once(socket, 'close')
    assert.deepEqual(events, ['end', 'close'])
  })

  for (const [what, head, isWhole] of [
    ['is the end of a response that has no other', '', true],
    ['cuts a response with a length', 'Content-Length: 100\r\n', false],
    ['cuts a response in chunks', 'Transfer-Encoding: chunked\r\n\r\n64', false],
  ] as const) {
    test(what, async (t) => {
      const { address, cut } = await cutAfter(t, head)
      const plane = await startDataPlane(t, configOf([address], { tls: { verify: false } }))
      const client = await RawClient.connect(t, plane.port)
      client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await client.hear(/<half>/)
      cut()
      assert.equal(
        /\r\n0\r\n\r\n$/.test(isWhole ? await client.hear(/\r\n0\r\n\r\n$/) : await client.goodbye()),
        isWhole,
      )
    })
  }
})

test('an early answer to an upload is passed on, though the server closes and does not read the rest', async (t) => {
  const { address } = await listen(
    t,
    createTlsServer(pem, (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.pause()
        const answer = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large'
        socket.write(answer, () => socket.destroy())
      })
    }),
  )
  const limpet = await startLimpet(t, configOf([address], { tls: { ca: await authorityFile(t) } }))
  for (let i = 0; i < 10; i++) {
    const client = await RawClient.connect(t, limpet.port)
    client.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n')
    client.socket.write(Buffer.alloc(10_000_000))
    assert.match(await client.hear(/too large/), /^HTTP\/1.1 413 /)
    client.socket.destroy()
  }
})

describe('what is spoken is what the two agree on (protocol: auto)', () => {
  test('HTTP/2 where the server can, on one connection', async (t) => {
    const answers = await serverOf(t, 'h2', ({ httpVersion }, response) => response.end(`<${httpVersion}>`), {
      allowHTTP1: true,
    })
    const settings = { protocol: 'auto', tls: { ca: await authorityFile(t) } }
    const plane = await startDataPlane(t, configOf([answers.address], settings))
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(t, plane.port)))
    assert.deepEqual(new Set(all), new Set(['2.0']))
    assert.equal(answers.connections.length, 1)
  })

  test('HTTP/1.1 where it cannot, on as many connections as there are requests', async (t) => {
    const server = await serverOf(t, 'https', ({ httpVersion }, response) => {
      setTimeout(() => response.end(`<${httpVersion}>`), 50)
    })
    const settings = { protocol: 'auto', tls: { ca: await authorityFile(t) } }
    const plane = await startDataPlane(t, configOf([server.address], settings))
    const all = await Promise.all(Array.from({ length: 5 }, () => ask(t, plane.port)))
    assert.deepEqual(all, new Array(5).fill('1.1'))
    assert.equal(server.connections.length, 5)
    await ask(t, plane.port)
    assert.equal(server.connections.length, 5)
  })

  test('a server that does not agree to h2 is a 502 that the log explains', async (t) => {
    const server = await listen(
      t,
      createTlsServer(pem, () => {}),
    )
    const settings = { protocol: 'h2', tls: { ca: await authorityFile(t) } }
    const limpet = await startLimpet(t, configOf([server.address], settings))
    const client = await RawClient.connect(t, limpet.port)
    client.get('/')
    assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 502 /)
    await limpet.errors.find(
      /no connection by TLS: the server does not agree to HTTP\/2 \(ALPN\); set protocol to http1/,
    )
  })

  test('a server that does not speak h2c is a 502', async (t) => {
    const { address } = await httpOrigin(t, (_, response) => response.end())
    const limpet = await startLimpet(
      t,
      configOf([address, address.replace('127.0.0.1', 'localhost')], { protocol: 'h2c' }),
    )
    const client = await RawClient.connect(t, limpet.port)
    client.get('/')
    assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 502 /)
    await limpet.errors.find(/is suspended for 10 s \(connect-failed: the server does not speak HTTP\/2/)
  })
})
