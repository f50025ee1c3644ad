/** Limpet in front of a server, with TLS from its clients: as operators configure it, and as curl and OpenSSL find it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectSecurely } from 'node:tls'
import { promisify } from 'node:util'
import { TestAuthority } from '../support/certificates.ts'
import { helloOf } from '../support/client-hello.ts'
import { temporaryFolder } from '../support/folder.ts'
import { loggedRequest } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { missing } from '../support/tool.ts'

const run = promisify(execFile)
const authority = await TestAuthority.create()

/** A folder with a certificate for `localhost` (site.pem, site.key), its authority (ca.pem), and a client's (client.pem, client.key). */
async function files(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t)
  const [site, client] = await Promise.all([authority.issue(['localhost']), authority.issueToClient('CN=alice')])
  const contents = {
    'ca.pem': authority.ca,
    'site.pem': site.cert,
    'site.key': site.key,
    'client.pem': client.cert,
    'client.key': client.key,
  }
  await Promise.all(Object.entries(contents).map(([name, text]) => writeFile(join(folder, name), text)))
  return folder
}

/** A server that answers with what it knows of the client, as JSON. */
async function echo(t: TestContext): Promise<string> {
  const { address } = await httpOrigin(t, ({ method, url, headers }, response) =>
    response.end(JSON.stringify({ method, url, ...headers })),
  )
  return address
}

/** Asks by curl, which trusts the authority; resolves to the response with its head. */
async function curl(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('curl', ['-sS', '-i', '--max-time', '10', '--cacert', join(folder, 'ca.pem'), ...args])
  return stdout
}

const config = (folder: string, server: string, tls = '') => `
  listeners:
    - address: 127.0.0.1
      port: 0
      tls:
        certificates: [{ cert: ${folder}/site.pem, key: ${folder}/site.key }]
        ${tls}
  workers: 2
  accessLog: { format: json }
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${server}], affinity: { type: cookie } } }
`

for (const version of ['--http1.1', '--http2']) {
  for (const tls of ['1.2', '1.3']) {
    test(`curl ${version} --tls-max ${tls}: servers, cookies and the log know that the client uses HTTPS`, {
      skip: missing('curl'),
    }, async (t) => {
      const folder = await files(t)
      const limpet = await sharedLimpet(config(folder, await echo(t), 'hsts: true'))
      const heard = await curl(folder, version, '--tls-max', tls, `https://localhost:${limpet.port}/a`)
      assert.match(heard, version === '--http2' ? /^HTTP\/2 200/ : /^HTTP\/1.1 200/)
      assert.match(heard, /\r\nset-cookie: .*; Secure/i)
      assert.match(heard, /\r\nstrict-transport-security: max-age=\d+/i)
      assert.match(heard, new RegExp(`"x-forwarded-proto":"https","x-forwarded-port":"${limpet.port}"`))
      const { tlsVersion, tlsCipher, tlsResumed, sni } = await loggedRequest(limpet, '/a')
      assert.deepEqual([tlsVersion, tlsResumed, sni], [`TLSv${tls}`, false, 'localhost'])
      assert.match(tlsCipher, /AES|CHACHA/)
    })
  }
}

test('every response has Strict-Transport-Security once: of the server or else of Limpet, and error pages too', {
  skip: missing('curl'),
}, async (t) => {
  const folder = await files(t)
  const { address } = await httpOrigin(t, ({ url }, response) => {
    if (url === '/own') response.setHeader('Strict-Transport-Security', 'max-age=7')
    response.end()
  })
  const limpet = await sharedLimpet(config(folder, address, 'hsts: true').replace('/*, upstream', '/own, upstream'))
  for (const version of ['--http1.1', '--http2']) {
    const fields = async (path: string, ...args: string[]) => {
      const heard = await curl(folder, version, ...args, `https://localhost:${limpet.port}${path}`)
      return [...heard.matchAll(/^strict-transport-security: (.*)\r$/gim)].map(([, value]) => value)
    }
    assert.deepEqual(await fields('/own'), ['max-age=7'])
    assert.equal((await fields('/nowhere')).length, 1, 'no route')
    assert.equal((await fields('/own', '-H', 'Host: example.com')).length, 1, 'misdirected')
    assert.equal((await fields('/%zz', '--path-as-is')).length, 1, 'bad request')
  }
})

test('a session is continued on either of two workers', async (t) => {
  const folder = await files(t)
  const limpet = await sharedLimpet(config(folder, await echo(t)))
  const options = { port: limpet.port, host: '127.0.0.1', servername: 'localhost', ca: authority.ca }
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    let session: Buffer | undefined
    const resumed: boolean[] = []
    // The kernel deals connections out by the client's port: 20 of them meet both workers.
    for (let visit = 0; visit < 20; visit++) {
      const socket = connectSecurely({ ...options, maxVersion, ...(session && { session }) })
      socket.on('session', (newer: Buffer) => {
        session = newer
      })
      await once(socket, 'secureConnect')
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
      resumed.push(socket.isSessionReused())
      socket.resume()
      await once(socket, 'close')
    }
    assert.deepEqual(resumed, [false, ...Array(19).fill(true)], maxVersion)
  }
})

test('clients are known by their certificates over both protocols', { skip: missing('curl') }, async (t) => {
  const folder = await files(t)
  const tls = `clientCertificates: { ca: ${folder}/ca.pem, mode: required }`
  const limpet = await sharedLimpet(config(folder, await echo(t), tls))
  const known = ['--cert', join(folder, 'client.pem'), '--key', join(folder, 'client.key')]
  for (const version of ['--http1.1', '--http2']) {
    for (const tlsMax of ['1.2', '1.3']) {
      const ask = (...args: string[]) =>
        curl(folder, version, '--tls-max', tlsMax, ...args, `https://localhost:${limpet.port}/`)
      assert.match(await ask(...known, '-H', 'X-Client-Cert-Subject: CN=mallory'), /"x-client-cert-subject":"CN=alice"/)
      await assert.rejects(ask(), { stderr: /alert|reset|certificate|not connected/i })
    }
  }
})

test('a PROXY header may come before TLS, in one piece with the ClientHello or not', async (t) => {
  const folder = await files(t)
  const text = config(folder, await echo(t)).replace('port: 0', 'port: 0\n      proxyProtocol: true')
  const limpet = await sharedLimpet(text)
  const header = 'PROXY TCP4 192.0.2.1 203.0.113.9 53764 8443\r\n'
  const carrier = connect({ port: limpet.port, host: '127.0.0.1' })
  t.after(() => carrier.destroy())
  await once(carrier, 'connect')
  carrier.write(header)
  const client = await RawClient.secure(t, carrier, Buffer.from(authority.ca))
  client.say('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  const heard = await client.goodbye()
  assert.match(heard, /"x-forwarded-for":"192.0.2.1","x-forwarded-proto":"https","x-forwarded-port":"8443"/)

  const raw = await RawClient.connect(t, limpet.port)
  raw.socket.write(Buffer.concat([Buffer.from(header), await helloOf(t, { servername: 'localhost' })]))
  assert.equal((await raw.hear(/./s)).charCodeAt(0), 22, 'a ServerHello')
})

test('a listener redirects to HTTPS: to the same host and path, and with the same method', async (t) => {
  const server = await echo(t)
  const limpet = await sharedLimpet(`
      listeners: [{ address: 127.0.0.1, port: 0, redirect: https:8443 }]
      trustedProxies: [127.0.0.1]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `)
  const ask = async (request: string) => {
    const client = await RawClient.connect(t, limpet.port)
    client.say(request)
    const heard = await client.goodbye()
    return [Number(heard.slice(9, 12)), /\r\nLocation: (.*)\r\n/.exec(heard)?.[1]]
  }
  const end = 'Connection: close\r\n\r\n'
  assert.deepEqual(await ask(`GET /a%20b?c=d HTTP/1.1\r\nHost: Example.org:8080\r\n${end}`), [
    301,
    'https://Example.org:8443/a%20b?c=d',
  ])
  assert.deepEqual(await ask(`HEAD / HTTP/1.1\r\nHost: [::1]\r\n${end}`), [301, 'https://[::1]:8443/'])
  assert.deepEqual(await ask(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n${end}ok`), [308, 'https://a:8443/a'])
  assert.deepEqual(await ask(`GET http://a HTTP/1.1\r\nHost: a\r\n${end}`), [301, 'https://a:8443/'])
  assert.deepEqual(await ask(`OPTIONS * HTTP/1.1\r\nHost: a\r\n${end}`), [308, 'https://a:8443/'])
  assert.deepEqual(await ask('GET / HTTP/1.0\r\n\r\n'), [400, undefined])
  // A trusted proxy says that the client has come by HTTPS already.
  assert.deepEqual(await ask(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n${end}`), [200, undefined])
})

test('a request of HTTP/2 for a host that the certificate does not cover gets a 421, and the connection goes on', async (t) => {
  const folder = await files(t)
  const limpet = await sharedLimpet(config(folder, await echo(t)))
  const session = connectHttp2(`https://localhost:${limpet.port}`, { ca: authority.ca })
  t.after(() => session.destroy())
  const statusFor = async (authority: string) => {
    const stream = session.request({ ':authority': authority })
    stream.resume()
    const [headers] = await once(stream, 'response')
    return headers[':status']
  }
  assert.equal(await statusFor('example.com'), 421)
  assert.equal(await statusFor(`localhost:${limpet.port}`), 200)
})
