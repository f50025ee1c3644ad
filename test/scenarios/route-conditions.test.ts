// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { writePair } from '../support/certificate-files.ts'
import { type Pem, TestAuthority } from '../support/certificates.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { type FilterClient, http1Client, http2Client, mirrorOrigin, testBoth } from '../support/filtered.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin, namedOrigin } from '../support/origin.ts'

/** Servers see which route has served, and what its parameters were. */
function marked(name: string, ...parameters: string[]) {
  const values = parameters.map((parameter) => `${parameter}=\${route.${parameter}}`)
  return [{ headers: { request: { set: { 'X-Route': [name, ...values].join(' ') } } } }]
}

async function routeOf(client: FilterClient, path: string, ask = {}): Promise<unknown> {
  return (await client.got(path, ask)).headers['x-route']
}

testBoth(
  'the most specific path serves: exact, with parameters, longer beginnings',
  [
    { path: '/*', filters: marked('rest') },
    { path: '/app*', filters: marked('app*') },
    { path: '/app/*', filters: marked('app/*') },
    { path: '/rooms/lobby', filters: marked('lobby') },
    { path: '/rooms/:room', filters: marked('room', 'room') },
    { path: '/rooms/:room/*', filters: marked('in room', 'room') },
    { path: '/rooms/:room/members/:member', filters: marked('member', 'room', 'member') },
    { path: '~ ^/rooms/(?<room>[0-9]+)/(?<page>[a-z]+)$', filters: marked('page', 'room', 'page', '1') },
    { path: '~* \\.php$', filters: marked('php') },
    { path: '~ ^/é/(?<name>.+)$', filters: marked('é', 'name') },
  ],
  async (client) => {
    const served: Record<string, string> = {
      '/': 'rest',
      '/ap': 'rest',
      '/apple': 'app*',
      '/app/': 'app/*',
      '/rooms/lobby': 'lobby',
      '/rooms/blue': 'room room=blue',
      '/rooms/%62lue?x=/': 'room room=blue',
      '/x/../rooms/blue': 'room room=blue',
      '/rooms/': 'rest',
      '/rooms/blue/': 'in room room=blue',
      '/rooms/lobby/x': 'in room room=lobby',
      '/rooms/blue/members/7': 'member room=blue member=7',
      '/rooms/blue/members/7/': 'in room room=blue',
      // It begins with less of the path than the prefix covers.
      '/rooms/7/info': 'in room room=7',
      '/index.PHP': 'php',
      '/app.php': 'app*',
      '/%C3%A9/x': 'é name=x',
    }
    assert.equal((await client.ask('/app')).headers.location, '/app/', 'the redirect of /app/* is exact')
    for (const [path, route] of Object.entries(served)) {
      const found = await routeOf(client, path)
      assert.equal(Buffer.from(String(found), 'latin1').toString(), route, path)
    }
  },
)

testBoth(
  'a regular expression that begins with more of the path wins over a prefix, and a priority over everything',
  [
    { path: '/api/*', filters: marked('api') },
    { path: '~ ^/api/v(?<version>\\d+)/', filters: marked('version', 'version') },
    { path: '/api/v1/users', filters: marked('exact') },
    { path: '/api/v1/*', priority: 1, headers: { 'x-first': '1' }, filters: marked('first') },
    { path: '/*', priority: -1, filters: marked('last') },
    { path: '/*', host: 'www.example.org', filters: marked('host') },
  ],
  async (client) => {
    assert.equal(await routeOf(client, '/api/x'), 'api')
    assert.equal(await routeOf(client, '/api/v12/x'), 'version version=12')
    assert.equal(await routeOf(client, '/api/v1/users'), 'exact')
    assert.equal(await routeOf(client, '/api/v1/users', { headers: { 'x-first': '1' } }), 'first')
    assert.equal(
      await routeOf(client, '/api/v1/users', { headers: { 'x-first': '1' }, host: 'www.example.org' }),
      'first',
    )
    assert.equal(await routeOf(client, '/api/v1/users', { host: 'www.example.org' }), 'host')
    assert.equal(await routeOf(client, '/other'), 'last')
  },
)

testBoth(
  'the most specific host serves: exact, names below, names that begin, expressions',
  [
    { path: '/*', filters: marked('any') },
    { path: '/*', host: '.example.org', filters: marked('.example.org') },
    { path: '/*', host: 'www.example.*', filters: marked('www.example.*') },
    { path: '/*', host: 'www.example.org', filters: marked('www.example.org') },
    { path: '/*', host: '~ ^(?<tenant>[a-z]+)\\.shop\\.test$', filters: marked('shop', 'tenant') },
    { path: '/in/:place', host: '~ ^(?<tenant>[a-z]+)\\.shop\\.test$', filters: marked('place', 'tenant', 'place') },
  ],
  async (client) => {
    const served: Record<string, string> = {
      'example.org': '.example.org',
      'a.b.example.org:8080': '.example.org',
      'WWW.example.org': 'www.example.org',
      'www.example.com': 'www.example.*',
      'www.example.co.uk': 'www.example.*',
      'www.example': 'any',
      'blue.shop.test': 'shop tenant=blue',
      'b1.shop.test': 'any',
    }
    for (const [host, route] of Object.entries(served)) assert.equal(await routeOf(client, '/x', { host }), route, host)
    assert.equal(await routeOf(client, '/in/town', { host: 'red.shop.test' }), 'place tenant=red place=town')
  },
)

testBoth(
  'conditions on query and cookies, more of them before fewer',
  [
    { path: '/*', filters: marked('none') },
    { path: '/*', query: { version: '2' }, filters: marked('version') },
    { path: '/*', query: { version: '2', debug: true }, filters: marked('debug') },
    { path: '/q/*', query: { 'na me': 'é &' }, filters: marked('escaped') },
    { path: '/c/*', cookies: { beta: '1' }, filters: marked('beta') },
    { path: '/c/*', cookies: { beta: '2' }, filters: marked('beta 2') },
    { path: '/c/*', cookies: { beta: '1', team: true }, methods: ['GET'], filters: marked('team') },
  ],
  async (client) => {
    const served: Record<string, string> = {
      '/': 'none',
      '/?version=1': 'none',
      '/?version=2': 'version',
      '/?x=1&version=%32': 'version',
      '/?version=1&version=2': 'none',
      '/?version=2&debug': 'debug',
      '/?debug=&version=2': 'debug',
      '/?version=2&debugger=1': 'version',
      '/q/?na+me=%C3%A9+%26': 'escaped',
    }
    for (const [path, route] of Object.entries(served)) assert.equal(await routeOf(client, path), route, path)
    const withCookie = (cookie: string) => routeOf(client, '/c/x', { headers: { cookie } })
    assert.equal(await withCookie('beta=1'), 'beta')
    assert.equal(await withCookie('a=b; beta="2"'), 'beta 2')
    assert.equal(await withCookie('a=b; beta=1; team=x'), 'team')
    assert.equal(await withCookie('alphabeta=1'), 'none')
  },
)

testBoth(
  'a folder with parameters is redirected to as it was asked for',
  [{ path: '/rooms/:room/*' }, { path: '/rooms/lobby', filters: marked('lobby') }],
  async (client) => {
    const { status, headers } = await client.ask('/rooms/a%0d%0aX:%20y%3F%23%25%C3%A9?page=2')
    assert.equal(status, 301)
    assert.equal(headers.location, '/rooms/a%0D%0AX:%20y%3F%23%25%C3%A9/?page=2')
    assert.equal((await client.ask('//rooms/..%2frooms/x')).headers.location, '/rooms/x/')
    assert.equal(await routeOf(client, '/rooms/lobby'), 'lobby')
  },
)

testBoth(
  'a path that would take a backtracking engine for ever is answered at once',
  [
    { path: '/*', filters: marked('rest') },
    { path: '~ ^/(a+)+$', filters: marked('a') },
  ],
  async (client) => {
    assert.equal(await routeOf(client, `/${'a'.repeat(8000)}!`), 'rest')
    assert.equal(await routeOf(client, `/${'a'.repeat(8000)}`), 'a')
  },
)

for (const [protocol, clientOf] of [
  ['HTTP/1.1', http1Client],
  ['HTTP/2', http2Client],
] as const) {
  test(`a route has a limit of bodies, timeouts and retries of its own, over ${protocol}`, async (t) => {
    const [mirror, silent, dead, well] = await Promise.all([
      mirrorOrigin(t),
      httpOrigin(t, () => {}),
      httpOrigin(t, (request) => void request.socket.destroy()),
      namedOrigin(t, 'well'),
    ])
    const { port } = await startDataPlane(t, {
      listeners: [{ h2c: true }],
      limits: { bodySize: '20B' },
      routes: [
        { path: '/*', upstream: 'mirror' },
        { path: '/small/*', upstream: 'mirror', bodyLimit: '10B' },
        { path: '/large/*', upstream: 'mirror', bodyLimit: 'unlimited' },
        { path: '/slow/*', upstream: 'silent', timeouts: { firstByte: '50ms' } },
        { path: '/once/*', upstream: 'broken', retries: { tries: 1 } },
        { path: '/twice/*', upstream: 'broken' },
      ],
      upstreams: {
        mirror: { servers: [mirror.address] },
        silent: { servers: [silent.address], timeouts: { firstByte: '1h' } },
        // Its first server is asked first by every request, since nothing suspends it.
        broken: {
          servers: [
            { address: dead.address, maxFails: 0, weight: 1 },
            { address: well.address, backup: true },
          ],
        },
      },
    })
    const client = clientOf(t, port)
    const post = async (path: string, length: number) => {
      const { status } = await client.ask(path, { method: 'POST', body: 'x'.repeat(length) })
      return status
    }
    assert.deepEqual([await post('/x', 20), await post('/x', 21)], [200, 413])
    assert.deepEqual([await post('/small/x', 10), await post('/small/x', 11)], [200, 413])
    assert.deepEqual([await post('/large/x', 21), await post('/large/x', 100_000)], [200, 200])
    assert.equal((await client.ask('/slow/x')).status, 504)
    assert.equal((await client.ask('/once/x')).status, 502)
    assert.equal((await client.ask('/twice/x')).body, 'well -')
  })
}

test('a route is for a listener, and for clients with certain certificates', async (t) => {
  const folder = await temporaryFolder(t)
  const authority = await TestAuthority.create()
  const [site, alice, bob] = await Promise.all([
    authority.issue(['localhost']),
    authority.issueToClient('CN=alice'),
    authority.issueToClient('CN=bob'),
  ])
  await writePair(folder, 'site', site)
  await writeFile(join(folder, 'ca.pem'), authority.ca)
  const names = ['public', 'inside', 'known', 'alice']
  const servers = await Promise.all(names.map((name) => namedOrigin(t, name)))
  const limpet = await startLimpet(t, {
    listeners: [
      { name: 'inside', address: '127.0.0.1', port: 0 },
      {
        name: 'outside',
        address: '127.0.0.1',
        port: 0,
        tls: {
          certificates: [{ cert: join(folder, 'site.pem'), key: join(folder, 'site.key') }],
          clientCertificates: { ca: join(folder, 'ca.pem'), mode: 'optional' },
        },
      },
    ],
    routes: [
      { path: '/*', upstream: 'public' },
      { path: '/*', listener: 'inside', upstream: 'inside' },
      { path: '/x', listener: ['inside', 'outside'], clientCertificate: true, upstream: 'known' },
      {
        path: '/x',
        listener: 'outside',
        clientCertificate: { subject: 'CN=alice', issuer: 'CN=Test Authority' },
        upstream: 'alice',
      },
    ],
    upstreams: Object.fromEntries(names.map((name, index) => [name, { servers: [servers[index]!.address] }])),
  })
  const [, secure] = await limpet.errors.find(/port (\d+) \(https\)/)
  const inside = async (path: string) => (await fetch(`http://127.0.0.1:${limpet.port}${path}`)).text()
  const outside = async (path: string, certificate?: Pem) => {
    const asked = get({
      host: 'localhost',
      family: 4,
      port: secure,
      path,
      ca: authority.ca,
      servername: 'localhost',
      agent: false,
      ...certificate,
    })
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    return text(response)
  }
  assert.deepEqual([await inside('/'), await inside('/x')], ['inside -', 'inside -'])
  assert.deepEqual([await outside('/'), await outside('/x')], ['public -', 'public -'])
  assert.deepEqual(
    [await outside('/', bob), await outside('/x', bob), await outside('/x', alice)],
    ['public -', 'known -', 'alice -'],
  )
})
