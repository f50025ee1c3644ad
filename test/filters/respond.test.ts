// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { testBoth } from '../support/filtered.ts'
import { RawClient } from '../support/raw-client.ts'

testBoth(
  'a route may answer by itself, and needs no upstream then',
  [
    { path: '/gone', filters: [{ respond: { status: 410, body: 'gone\n' } }], upstream: undefined },
    { path: '/empty', filters: [{ respond: { status: 204 } }], upstream: undefined },
    {
      path: '/*',
      filters: [
        {
          respond: {
            headers: { 'Content-Type': 'text/html', 'X-Id': '${request.id}', 'Cache-Control': 'max-age=60' },
            body: '<p>',
          },
        },
      ],
    },
  ],
  async (client) => {
    const gone = await client.ask('/gone')
    assert.deepEqual(
      [gone.status, gone.body, gone.headers['content-type']],
      [410, 'gone\n', 'text/plain; charset=utf-8'],
    )
    assert.equal(gone.headers['cache-control'], 'no-store')
    const empty = await client.ask('/empty')
    assert.deepEqual([empty.status, empty.body, empty.headers['content-length']], [204, '', undefined])
    const page = await client.ask('/x', {
      headers: { 'X-Request-Id': 'abcdefgh' },
      method: 'POST',
      body: 'x'.repeat(100_000),
    })
    assert.deepEqual([page.status, page.body, page.headers['content-type']], [200, '<p>', 'text/html'])
    assert.equal(page.headers['x-id'], page.headers['x-request-id'])
    assert.equal(page.headers['cache-control'], 'max-age=60')
    const head = await client.ask('/gone', { method: 'HEAD' })
    assert.deepEqual([head.status, head.body, head.headers['content-length']], [410, '', '5'])
  },
)

testBoth(
  'requests are redirected, with variables that cannot smuggle a line end',
  [
    {
      path: '/old/*',
      filters: [{ redirect: { to: 'https://www.example.org${request.target}' } }],
      upstream: undefined,
    },
    { path: '/q', filters: [{ redirect: { status: 302, to: '/x?${request.query}' } }], upstream: undefined },
  ],
  async (client) => {
    const moved = await client.ask('/old/a?b=%0d%0aSet-Cookie:x=1')
    assert.deepEqual(
      [moved.status, moved.headers.location],
      [308, 'https://www.example.org/old/a?b=%0d%0aSet-Cookie:x=1'],
    )
    assert.equal(moved.headers['set-cookie'], undefined)
    const found = await client.ask('/q?a=1')
    assert.deepEqual([found.status, found.headers.location], [302, '/x?a=1'])
  },
)

testBoth(
  'what clients say does not redirect to another host, and does not leave the parameter that it stands in',
  [
    {
      path: '/login',
      filters: [{ redirect: { to: 'https://id.example/?rd=${request.scheme}://${request.host}${request.target}' } }],
    },
    { path: '/there', filters: [{ redirect: { to: '//cdn.example/a b' } }] },
    { path: '/user', filters: [{ redirect: { to: '/u/${request.header.x-user}' } }] },
    { path: '/*', filters: [{ redirect: { to: '${request.path}/' } }] },
  ].map((route) => ({ ...route, upstream: undefined })),
  async (client) => {
    const location = async (path: string, ask = {}) => (await client.ask(path, ask)).headers.location
    assert.equal(
      await location('/login?a=1&b=2%20', { host: 'app.example:8080' }),
      'https://id.example/?rd=http://app.example:8080/login%3Fa%3D1%26b%3D2%2520',
    )
    assert.equal(await location('/there'), '//cdn.example/a%20b')
    assert.equal(await location('/user', { headers: { 'x-user': 'a b#c\u00e9' } }), '/u/a%20b%23c%E9')
    assert.equal(await location('//evil.example'), '/evil.example/')
    assert.equal(await location('/\\evil.example'), '/evil.example/')
    assert.equal(await location('/a//b'), '/a//b/')
  },
)

test('a redirect to the host of a request that names none is refused', async (t) => {
  const { port } = await startDataPlane(t, {
    routes: [{ path: '/*', filters: [{ redirect: { to: 'https://${request.host}${request.target}' } }] }],
    upstreams: { app: { servers: ['127.0.0.1:9'] } },
  })
  const client = await RawClient.connect(t, port)
  client.say('GET //evil.example HTTP/1.0\r\n\r\n')
  assert.match(await client.goodbye(), /^HTTP\/1\.1 400 [\s\S]*names no host/)
  const other = await RawClient.connect(t, port)
  other.say('OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.match(await other.goodbye(), /Location: https:\/\/a\/\r\n/)
})

testBoth(
  'only what a pattern matches is redirected, with its groups; everything else is served',
  [
    {
      path: '/*',
      filters: [
        { redirect: { status: 301, pattern: '^http://www\\.([^/:]+)(:\\d+)?', to: 'https://$1' } },
        { redirect: { pattern: '/\\.well-known/(card|cal)dav$', to: '/remote.php/dav/?by=${request.method}&of=$1' } },
        { redirect: { pattern: '/same', to: '/same' } },
        { redirect: { pattern: '((a+)+)+$', to: '/' } },
      ],
    },
  ],
  async (client) => {
    const moved = await client.ask('/a%2fb?c=d', { host: 'www.example.org:8080' })
    assert.deepEqual([moved.status, moved.headers.location], [301, 'https://example.org/a%2fb?c=d'])
    const dav = await client.ask('/.well-known/caldav', { host: 'cloud.example' })
    assert.deepEqual([dav.status, dav.headers.location], [308, 'http://cloud.example/remote.php/dav/?by=GET&of=cal'])
    const split = await client.ask('/%0d%0aSet-Cookie:x', { host: 'www.a.example' })
    assert.deepEqual([split.status, split.headers['set-cookie']], [301, undefined])
    assert.equal((await client.got('/same')).url, '/same')
    // No catastrophe: the time is linear.
    assert.equal((await client.got(`/${'a'.repeat(6000)}b`)).url.length, 6002)
  },
)
