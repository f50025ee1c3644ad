/** Programs that Limpet did not make: what they get by TLS and HTTP/2, and what they are refused. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect as connectHttp2, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { before, describe, type TestContext, test } from 'node:test'
import { chromium } from 'playwright-core'
import { WebSocketServer } from 'ws'
import { writePair } from '../support/certificate-files.ts'
import { TestAuthority } from '../support/certificates.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { missing, run } from '../support/tool.ts'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const noChromium = existsSync(CHROMIUM)
  ? false
  : `needs Chromium: there is none at ${CHROMIUM} (CHROMIUM names another)`

const { NGHTTP2_CANCEL } = constants
/** A request whose answer ends the connection. To a server that expects HTTP/2 it is an error, which does the same. */
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

let authority: TestAuthority

before(async () => {
  authority = await TestAuthority.create()
})

/** Limpet by TLS, with a certificate of each kind, before a server that says what it was asked and the length of the body. */
async function startSite(t: TestContext, tls: object = {}) {
  const folder = await temporaryFolder(t)
  for (const keyType of ['ecdsa', 'rsa'] as const)
    await writePair(folder, keyType, await authority.issue(['localhost', '127.0.0.1'], { keyType }))
  await writeFile(join(folder, 'ca.pem'), authority.ca)
  const origin = await httpOrigin(t, async (request, response) => {
    if (request.url === '/page') {
      response.setHeader('Content-Type', 'text/html').end('<title>page</title>')
      return
    }
    let length = 0
    for await (const bytes of request) length += (bytes as Buffer).length
    if (request.headers.te === 'trailers') response.setHeader('Trailer', 'X-Sum')
    response.write(`${request.method} ${request.url} ${length}`)
    if (request.headers.te === 'trailers') response.addTrailers({ 'X-Sum': String(length) })
    response.end()
  })
  const sockets = new WebSocketServer({ server: origin.server as never, path: '/socket' })
  sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(`<${message}>`)))
  const certificates = ['ecdsa', 'rsa'].map((name) => ({
    cert: join(folder, `${name}.pem`),
    key: join(folder, `${name}.key`),
  }))
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0, tls: { certificates, ...tls } }],
    workers: 2,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [origin.address] } },
  })
  return { ...limpet, ca: join(folder, 'ca.pem'), folder, site: `https://localhost:${limpet.port}` }
}

describe('curl', { skip: missing('curl') }, () => {
  const curl = (ca: string, ...args: string[]) =>
    run('curl', ['--silent', '--show-error', '--cacert', ca, '--write-out', '|%{http_version} %{http_code}', ...args])

  test('speaks HTTP/2, HTTP/1.1, TLS 1.2 and 1.3', async (t) => {
    const { ca, site } = await startSite(t)
    for (const [flags, expected] of [
      [['--http2'], '2'],
      [['--http1.1'], '1.1'],
      [['--no-alpn'], '1.1'],
      [['--http2', '--tls-max', '1.2'], '2'],
      [['--http2', '--tlsv1.3'], '2'],
    ] as const) {
      const { stdout, stderr } = await curl(ca, ...flags, `${site}/a?b`)
      assert.equal(stdout, `GET /a?b 0|${expected} 200`, `${flags.join(' ')}: ${stderr}`)
    }
  })

  test('uploads, and downloads several files on one connection', async (t) => {
    const { ca, site, folder } = await startSite(t)
    const file = join(folder, 'upload')
    await writeFile(file, Buffer.alloc(3_000_000))
    const upload = await curl(ca, '--http2', '--data-binary', `@${file}`, `${site}/up`)
    assert.equal(upload.stdout, 'POST /up 3000000|2 200')
    const put = await curl(ca, '--http2', '--upload-file', file, '--header', 'Expect: 100-continue', `${site}/put`)
    assert.equal(put.stdout, 'PUT /put 3000000|2 200')
    const urls = Array.from({ length: 20 }, (_, index) => `${site}/${index}`)
    const { stdout } = await run('curl', [
      '-sS',
      '--cacert',
      ca,
      '--parallel',
      '-w',
      '|%{http_version} %{num_connects}\n',
      ...urls,
    ])
    const lines = stdout.trim().split('\n')
    assert.equal(lines.length, 20)
    assert.equal(lines.filter((line) => line.endsWith('|2 0')).length, 19)
  })

  test('is refused without a certificate where one is required, and served with one', async (t) => {
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, 'clients.pem'), authority.ca)
    await writePair(folder, 'client', await authority.issueToClient('CN=curl'))
    const { ca, site } = await startSite(t, { clientCertificates: { ca: join(folder, 'clients.pem') } })
    const without = await curl(ca, site)
    assert.notEqual(without.code, 0)
    const args = ['--cert', join(folder, 'client.pem'), '--key', join(folder, 'client.key')]
    assert.equal((await curl(ca, ...args, `${site}/`)).stdout, 'GET / 0|2 200')
  })

  test('speaks HTTP/2 by prior knowledge', async (t) => {
    const origin = await httpOrigin(t, ({ url }, response) => response.end(url))
    const { url } = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: { app: { servers: [origin.address] } },
    })
    for (const [flag, version] of [
      ['--http2-prior-knowledge', '2'],
      ['--http1.1', '1.1'],
      // Its offer to upgrade is not taken (RFC 9113 §3.1).
      ['--http2', '1.1'],
    ] as const) {
      const { stdout } = await run('curl', ['-sS', '-w', '|%{http_version}', flag, `${url}/x`])
      assert.equal(stdout, `/x|${version}`)
    }
  })
})

describe('h2load and nghttp', { skip: missing('h2load', 'nghttp2-client') }, () => {
  test('h2load gets 2,000 answers on many streams, and uploads', async (t) => {
    const { site, folder } = await startSite(t)
    const file = join(folder, 'upload')
    await writeFile(file, Buffer.alloc(100_000))
    for (const args of [
      ['-n', '2000', '-c', '10', '-m', '50'],
      ['-n', '100', '-c', '4', '-m', '10', '-d', file],
    ]) {
      const { stdout } = await run('h2load', [...args, `${site}/`])
      assert.match(stdout, new RegExp(`requests: \\d+ total, \\d+ started, \\d+ done, ${args[1]} succeeded, 0 failed`))
    }
  })

  test('nghttp gets an answer with its priorities, padding, small windows, and trailers both ways', async (t) => {
    const { site, folder } = await startSite(t)
    const file = join(folder, 'upload')
    await writeFile(file, Buffer.alloc(100_000))
    for (const args of [
      [],
      ['--no-dep'],
      ['--padding=100'],
      ['--window-bits=1', '--connection-window-bits=16'],
      ['--header-table-size=0', '--encoder-header-table-size=0'],
      ['--data', file],
      ['--data', file, '--trailer=x-sum: 1'],
      ['--expect-continue', '--data', file],
      ['--multiply=20'],
    ]) {
      const { stdout, stderr } = await run('nghttp', ['--stat', '--null-out', '--timeout=10', ...args, `${site}/`])
      assert.match(stdout, / 200 +\d+ \/$/m, `${args.join(' ')}: ${stdout}${stderr}`)
    }
    const { stdout } = await run('nghttp', ['--verbose', '--null-out', '--header=te: trailers', `${site}/`])
    assert.match(stdout, /x-sum: 0/)
  })
})

describe('openssl s_client', { skip: missing('openssl') }, () => {
  const ask = (port: number, args: readonly string[]) =>
    run(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-ign_eof', ...args],
      REQUEST,
    )

  test('is offered the protocols, ciphers and certificates that were set', async (t) => {
    const { port } = await startSite(t)
    for (const [args, expected] of [
      [['-alpn', 'h2,http/1.1'], /ALPN protocol: h2/],
      [['-alpn', 'http/1.1'], /ALPN protocol: http\/1\.1/],
      [[], /No ALPN negotiated/],
      [['-tls1_3'], /New, TLSv1\.3, Cipher is TLS_/],
      [['-tls1_2'], /New, TLSv1\.2, Cipher is ECDHE-ECDSA-/],
      [['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'], /Cipher is ECDHE-RSA-AES128-GCM-SHA256/],
      [['-tls1_2', '-sigalgs', 'RSA+SHA256:RSA-PSS+SHA256'], /Cipher is ECDHE-RSA-/],
      [['-tls1_3', '-curves', 'P-256'], /Server Temp Key: ECDH, prime256v1/],
      [['-tls1_3', '-curves', 'X25519'], /Server Temp Key: X25519/],
    ] as const) {
      const { stdout } = await ask(port, args)
      assert.match(stdout, expected, args.join(' '))
    }
  })

  test('is refused what is not safe', async (t) => {
    const { port } = await startSite(t)
    for (const args of [
      ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'],
      ['-tls1', '-cipher', 'ALL:@SECLEVEL=0'],
      ['-tls1_2', '-cipher', 'AES128-SHA'],
      ['-tls1_2', '-cipher', 'AES128-GCM-SHA256'],
      ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA'],
      ['-tls1_2', '-cipher', 'aNULL:eNULL:@SECLEVEL=0'],
      ['-alpn', 'h3,spdy/1'],
    ]) {
      const { stdout } = await ask(port, args)
      assert.match(stdout, /Cipher is \(NONE\)/, args.join(' '))
    }
  })

  test('resumes a session, whichever worker it meets', async (t) => {
    const { port, folder } = await startSite(t)
    for (const version of ['-tls1_2', '-tls1_3']) {
      const session = join(folder, `session${version}`)
      const first = await ask(port, [version, '-sess_out', session])
      assert.match(first.stdout, /^New, /m)
      for (let visit = 0; visit < 6; visit++) {
        const { stdout } = await ask(port, [version, '-sess_in', session])
        assert.match(stdout, /^Reused, /m, version)
      }
    }
  })
})

test("Node's client gets answers, trailers and interim responses, cancels, and opens a WebSocket", async (t) => {
  const { site } = await startSite(t)
  const session = connectHttp2(site, { ca: authority.ca })
  t.after(() => session.destroy())
  const [settings] = (await once(session, 'remoteSettings')) as [{ enableConnectProtocol: boolean }]
  assert.equal(settings.enableConnectProtocol, true)

  const post = session.request({ ':method': 'POST', ':path': '/p', te: 'trailers' })
  const trailers = once(post, 'trailers')
  post.end(Buffer.alloc(100_000))
  assert.equal(await text(post), 'POST /p 100000')
  assert.equal(((await trailers)[0] as IncomingHttpHeaders)['x-sum'], '100000')

  for (let count = 0; count < 200; count++) {
    const cancelled = session.request({ ':path': '/cancelled' })
    cancelled.on('error', () => undefined)
    cancelled.close(NGHTTP2_CANCEL)
    await once(cancelled, 'close')
  }
  const after = session.request({ ':path': '/after' })
  assert.equal(await text(after), 'GET /after 0')

  const socket = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/socket',
    'sec-websocket-version': '13',
  })
  const [head] = (await once(socket, 'response')) as [IncomingHttpHeaders & IncomingHttpStatusHeader]
  assert.equal(head[':status'], 200)
  // A frame of text, masked with zeros.
  socket.write(Buffer.concat([Buffer.from([0x81, 0x85, 0, 0, 0, 0]), Buffer.from('hello')]))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.equal(answer.subarray(2).toString(), '<hello>')
  socket.close()
})

test('Chromium opens a page and a WebSocket by HTTP/2', { skip: noChromium }, async (t) => {
  const { site, log } = await startSite(t)
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ],
  })
  t.after(() => browser.close())
  const page = await browser.newPage({ ignoreHTTPSErrors: true })
  await page.goto(`${site}/page`)
  assert.equal(await page.title(), 'page')
  assert.equal(await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"), 'h2')
  const answer = await page.evaluate(`new Promise((resolve, reject) => {
    const socket = new WebSocket('wss://' + location.host + '/socket')
    socket.onopen = () => socket.send('hello')
    socket.onerror = () => reject(new Error('no WebSocket'))
    socket.onmessage = ({ data }) => { socket.close(); resolve(data) }
  })`)
  assert.equal(answer, '<hello>')
  await log.find(/"GET \/socket HTTP\/2\.0" /)
})
