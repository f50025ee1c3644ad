import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { printConfig } from '../../src/config/print.ts'
import { HttpSource } from '../../src/config/sources/http.ts'
import { httpProvider } from '../../src/discovery/http.ts'
import { TestAuthority } from '../support/certificates.ts'
import { temporaryFolder } from '../support/folder.ts'
import { inLines, Watched } from '../support/watched.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server whose answers a test gives one after the other; the last one again and again. Keeps what it was asked for. */
async function listServer(test: TestContext, ...answers: readonly Answer[]) {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    answers[Math.min(asked.push(request), answers.length) - 1]!(request, response)
  })
  return { asked, url: await listening(test, server) }
}

async function listening(test: TestContext, server: Server, path?: string): Promise<string> {
  server.listen(path ?? { port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  test.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return path ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}/app`
}

function watch(test: TestContext, settings: object): Watched {
  return new Watched(test, httpProvider(HttpSource.parse({ from: 'http', interval: '100ms', ...settings })))
}

const list =
  (text: string, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(200, headers).end(text)

it('asks once an interval, and yields what is another list', async (test) => {
  const { asked, url } = await listServer(test, list('["a:80"]'), list('- a:80\n'), list('["b:80", {"address": 3}]'))
  const watched = watch(test, { url })
  const first = await watched.next()
  assert.deepEqual(first, {
    servers: [{ id: 'a:80', name: 'a:80', address: 'a:80' }],
    mistakes: [],
  })
  const second = await watched.next()
  assert.deepEqual(inLines(second), ['b:80 b:80'])
  assert.deepEqual(second.mistakes, [
    { where: `${url}:1:22`, message: '[1].address: expected host:port, found 3', hint: 'write "3"' },
  ])
  assert.equal(asked[2]?.headers['if-none-match'], undefined)
})

it('sends the tag of the list that it has, and waits an interval after each 304', async (test) => {
  const unchanged: Answer = (_, response) => response.writeHead(304).end()
  const { asked, url } = await listServer(test, list('["a:80"]', { etag: '"1"' }), unchanged, list('["b:80"]'))
  const watched = watch(test, { url })
  await watched.next()
  assert.deepEqual(inLines(await watched.next()), ['b:80 b:80'])
  assert.deepEqual(
    asked.slice(1, 3).map(({ headers }) => [headers['if-none-match'], headers.prefer]),
    [
      ['"1"', 'wait=30'],
      ['"1"', 'wait=30'],
    ],
  )
})

it('asks again at once where the server holds requests back until it has news', async (test) => {
  const held = { etag: '"2"', 'preference-applied': 'wait' }
  const { url } = await listServer(
    test,
    list('["a:80"]', { etag: '"1"' }),
    list('["b:80"]', held),
    list('["c:80"]', held),
  )
  // The second request is sent after a whole interval, and the third would be, too, if the server did not hold it.
  const watched = watch(test, { url, interval: '2s' })
  await watched.until((found) => inLines(found)[0] === 'b:80 b:80')
  const at = performance.now()
  await watched.next()
  assert.ok(performance.now() - at < 1500)
})

it('sends its headers, and shows their values nowhere', async (test) => {
  const { asked, url } = await listServer(test, list('["a:80"]'))
  await watch(test, { url: `${url}?key=hush`, headers: { Authorization: 'Bearer s3cret', 'X-Key': 'hush' } }).next()
  assert.deepEqual([asked[0]?.headers.authorization, asked[0]?.headers['x-key']], ['Bearer s3cret', 'hush'])
  assert.equal(asked[0]?.url, '/app?key=hush')
  assert.equal(httpProvider(HttpSource.parse({ from: 'http', url: `${url}?key=hush` })).name, `http ${url}`)
  const text = (value: string) =>
    `routes: [{ path: /*, upstream: app }]\nupstreams: { app: { servers: { from: http, url: "${url}", headers: { X-Key: ${value} } } } }\n`
  assert.doesNotMatch(printConfig(parseConfig(text('hush'), 'limpet.yaml', {}), '', 'hidden'), /hush/)
  assert.throws(
    () => parseConfig(text('"hush\\tme"'), 'limpet.yaml', {}),
    ({ message }: Error) => message.includes('headers.X-Key') && !message.includes('hush'),
  )
})

it('asks over a Unix socket', async (test) => {
  const path = join(await temporaryFolder(test), 'servers.sock')
  const targets: string[] = []
  await listening(
    test,
    createServer((request, response) => {
      targets.push(request.url!)
      response.end('["a:80"]')
    }),
    path,
  )
  assert.deepEqual(inLines(await watch(test, { url: `unix:${path}` }).next()), ['a:80 a:80'])
  assert.deepEqual(inLines(await watch(test, { url: `unix:${path}:/app?x=1` }).next()), ['a:80 a:80'])
  assert.deepEqual(targets, ['/', '/app?x=1'])
})

it('checks the certificate of the server, and has one of its own', async (test) => {
  const folder = await temporaryFolder(test)
  const authority = await TestAuthority.create()
  const own = await authority.issueToClient('CN=limpet')
  await writeFile(join(folder, 'ca'), authority.ca)
  await writeFile(join(folder, 'cert'), own.cert)
  await writeFile(join(folder, 'key'), own.key)
  const options = { ...(await authority.issue(['127.0.0.1'])), ca: authority.ca, requestCert: true }
  const server = createSecureServer(options, (_, response) => response.end('["a:80"]'))
  const url = (await listening(test, server)).replace('http:', 'https:')
  const tls = { ca: join(folder, 'ca'), cert: join(folder, 'cert'), key: join(folder, 'key') }
  assert.deepEqual(inLines(await watch(test, { url, tls }).next()), ['a:80 a:80'])
  await assert.rejects(watch(test, { url }).next(), /name the file with its certificate as tls\.ca/)
  await assert.rejects(watch(test, { url, tls: { ca: tls.ca } }).next(), /cannot be asked|closed the connection/)
  assert.deepEqual(inLines(await watch(test, { url, tls: { cert: tls.cert, key: tls.key, verify: false } }).next()), [
    'a:80 a:80',
  ])
})

for (const [what, answer, message] of [
  ['no list', list('hello'), /:1:1: expected a list of servers, found "hello"$/],
  ['nothing', list(''), /expected a list of servers, found an empty file$/],
  ['an error', (_, response) => response.writeHead(500).end('out of\norder'), /answered \/app with 500: out of/],
  [
    'a redirect',
    (_, response) => response.writeHead(302, { location: '/x?key=hush' }).end(),
    /with 302 to \/x \(write that/,
  ],
  ['304 to a first request', (_, response) => response.writeHead(304).end(), /answered \/app with 304$/],
  [
    'too much',
    list(`["${'a'.repeat(9_000_000)}"]`),
    /^its answer has more than 8388608 bytes$|cannot be asked: its answer has more/,
  ],
  [
    'half of it',
    (_, response) => response.writeHead(200, { 'content-length': 30 }).write('["a:80"]', () => response.destroy()),
    /closed the connection in the middle/,
  ],
  [
    'too many servers',
    list(JSON.stringify(Array.from({ length: 16_385 }, (_, at) => `s${at}:80`))),
    /expected at most 16384 servers/,
  ],
  ['a list that is too deep', list(`[${'['.repeat(200_000)}${']'.repeat(200_000)}]`), /./],
] satisfies [string, Answer, RegExp][])
  it(`fails where the server answers with ${what}`, async (test) => {
    const { url } = await listServer(test, answer)
    await assert.rejects(watch(test, { url }).next(), { message })
  })

it('fails where no server listens, and where it closes the connection', async (test) => {
  await assert.rejects(watch(test, { url: 'http://127.0.0.1:1/' }).next(), /127\.0\.0\.1:1 refuses connections/)
  const closing = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  test.after(() => closing.close())
  await once(closing, 'listening')
  const { port } = closing.address() as AddressInfo
  await assert.rejects(watch(test, { url: `http://127.0.0.1:${port}/` }).next(), /closed the connection/)
})

it('ends at once where it is no longer wanted, also while a request is held back', async (test) => {
  const holding = Promise.withResolvers<void>()
  const { url } = await listServer(test, list('["a:80"]', { etag: '"1"' }), () => holding.resolve())
  const watched = watch(test, { url })
  await watched.next()
  void watched.isQuietFor(0)
  await holding.promise
  await watched.end()
})

for (const [url, message] of [
  ['ftp://a/', /expected a URL with http:\/\/ or https:\/\//],
  ['http://me:hush@a/', /expected a URL without a user or a password/],
  ['unix:run.sock', /write an absolute path/],
  ['unix:/run/a.sock:app', /expected unix: and the path of a socket/],
] as const)
  it(`refuses ${url} in the configuration`, () => {
    const text = `routes: [{ path: /*, upstream: app }]\nupstreams: { app: { servers: { from: http, url: "${url}" } } }\n`
    assert.throws(() => parseConfig(text, 'limpet.yaml', {}), { message })
  })
