// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { testBoth } from '../support/filtered.ts'

testBoth(
  'a prefix is taken away, whatever way the path is written',
  [{ path: ['/app/*', '/one', '/two'], filters: [{ path: { strip: '/app' } }] }],
  async (client) => {
    const cases = {
      '/app/a?b=/app/c': '/a?b=/app/c',
      '/app/': '/',
      '/app/a%20b%2fc': '/a%20b%2fc',
      '/app/x/..%2f..%2fapp/y': '/y',
      '/x/../app/z?q': '/z?q',
      '//app//z': '/z',
      '/%61pp/%C3%A9%3f': '/%C3%A9%3F',
      '/app/?': '/?',
      '/one': '/one',
    }
    for (const [asked, got] of Object.entries(cases)) assert.equal((await client.got(asked)).url, got, asked)
    assert.equal(
      (await client.got('/app/a', { headers: { X_Forwarded_Prefix: 'x' } })).headers['x-forwarded-prefix'],
      '/app',
    )
    assert.equal((await client.got('/one')).headers['x-forwarded-prefix'], undefined)
    for (const bad of ['/app/%00', '/app/../..', '/app/%2e%2e/%2e%2e/etc/passwd'])
      assert.ok([400, 404].includes((await client.ask(bad)).status), bad)
  },
)

testBoth(
  'of several prefixes, the first that a path has is taken away, once',
  [{ path: '/*', filters: [{ path: { strip: ['/api/v1', '/api', '/v1'] } }] }],
  async (client) => {
    for (const [asked, url, prefix] of [
      ['/api/v1/x', '/x', '/api/v1'],
      ['/api/v10', '/v10', '/api'],
      ['/api/api/v1', '/api/v1', '/api'],
      ['/v1/api/x', '/api/x', '/v1'],
      ['/other', '/other', undefined],
    ] as const) {
      const got = await client.got(asked)
      assert.deepEqual([got.url, got.headers['x-forwarded-prefix']], [url, prefix], asked)
    }
  },
)

testBoth(
  'a prefix is added, a path is set, and a pattern is replaced, in order',
  [
    { path: '/add/*', filters: [{ path: { strip: '/add' } }, { path: { add: '/v1' } }] },
    { path: '/set/*', filters: [{ path: { set: '/fixed?from=${request.path}' } }] },
    { path: '/old/*', filters: [{ path: { pattern: '^/old/([^/]*)/(.*)$', to: '/new/$2/$1' } }] },
    { path: '/evil/*', filters: [{ path: { pattern: '(a+)+$', to: '' } }] },
  ],
  async (client) => {
    assert.equal((await client.got('/add/x?y')).url, '/v1/x?y')
    assert.equal((await client.got('/set/x?y=1')).url, '/fixed?from=/set/x&y=1')
    assert.equal((await client.got('/old/a/b/c?d')).url, '/new/b/c/a?d')
    assert.equal((await client.got('/old/none')).url, '/old/none')
    const long = `/evil/${'a'.repeat(8000)}!`
    assert.equal((await client.got(long)).url, long)
  },
)

testBoth(
  'the server gets another host, and learns which one the client asked for',
  [
    { path: '/own/*', filters: [{ host: 'server' }] },
    { path: '/*', filters: [{ host: 'inner.example:8080' }] },
  ],
  async (client) => {
    const { headers } = await client.got('/', { host: 'www.example.org' })
    assert.equal(headers.host, 'inner.example:8080')
    assert.equal(headers['x-forwarded-host'], 'www.example.org')
    assert.match((await client.got('/own/')).headers.host!, /^127\.0\.0\.1:\d+$/)
  },
)

testBoth(
  'what clients say cannot leave the part of a path that it stands in',
  [
    { path: '/app/*', filters: [{ path: { strip: '/app' } }] },
    { path: '/query/*', filters: [{ path: { set: '/files/${request.query.name}' } }] },
    { path: '/header/*', filters: [{ path: { set: '${request.header.x-to}?by=${request.header.x-by}' } }] },
    { path: '/cookie/*', filters: [{ path: { set: '/a/${request.cookie.c}' } }] },
    { path: '/rooms/:room', filters: [{ path: { set: '/room?id=${route.room}&host=${request.host}' } }] },
    { path: '/self/*', filters: [{ path: { set: '/x${request.path}?uri=${request.target}' } }] },
    { path: '/old/*', filters: [{ path: { pattern: '^/old/(.*)$', to: '/new?id=$1' } }] },
    { path: '/cut/*', filters: [{ path: { pattern: '^/cut/(.*)x$', to: '/in/$1' } }] },
  ],
  async (client) => {
    const url = async (path: string, ask = {}) => (await client.got(path, ask)).url
    // To many applications, what begins with two slashes is another host.
    assert.equal(await url('/app//evil.example/..%2fx'), '/x')
    assert.equal(await url('/app//evil.example'), '/evil.example')
    assert.equal(await url('/app/\\evil.example'), '/%5Cevil.example')
    assert.equal(await url('/query/?name=a%2Fb%3Fadmin=1'), '/files/a/b%3Fadmin=1?name=a%2Fb%3Fadmin=1')
    const headers = { 'x-to': 'http://evil.example/ HTTP/1.1', 'x-by': 'a&admin=1#+' }
    assert.equal(await url('/header/', { headers }), '/http://evil.example/%20HTTP/1.1?by=a%26admin%3D1%23%2B')
    assert.equal(await url('/header/', { headers: { 'x-to': '//evil.example' } }), '/evil.example?by=')
    assert.equal(await url('/cookie/', { headers: { cookie: 'c="x y"' } }), '/a/%22x%20y%22')
    assert.equal(await url('/rooms/a%26admin=1', { host: 'a&admin=1' }), '/room?id=a%26admin%3D1&host=a%26admin%3D1')
    assert.equal(await url('/self/b/../c?d&e'), '/x/self/b/../c?uri=/self/b/../c%3Fd%26e&d&e')
    assert.equal(await url('/old/1&admin=1;x%3F%23'), '/new?id=1%26admin%3D1%3Bx%3F%23')
    assert.equal(await url('/cut/...x'), '/in/...')
    for (const [path, ask] of [
      ['/query/?name=../../etc/passwd'],
      ['/query/?name=%2e%2e%2fetc'],
      ['/query/?name=.'],
      ['/header/', { headers: { 'x-to': '/a/../b' } }],
      ['/cookie/', { headers: { cookie: 'c=..' } }],
      ['/cut/..x'],
    ] as const)
      assert.equal((await client.ask(path, ask)).status, 400, path)
  },
)
