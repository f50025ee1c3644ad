/** Filters that change messages: the same requests to Limpet and to nginx with its export. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/error.ts'
import { parseConfig } from '../../src/config/file.ts'
import { exportNginx } from '../../src/export/nginx.ts'
import { type Answer, http1Client, mirrorOrigin } from '../support/filtered.ts'
import { startLimpet } from '../support/limpet.ts'
import { startNginx, testWithNginx } from './nginx.ts'

const configOf = (address: string, routes: readonly object[]) => ({
  listeners: [{ address: '127.0.0.1', port: 0 }],
  routes: routes.map((route) => ({ upstream: 'app', ...route })),
  upstreams: { app: { servers: [address] } },
})

interface Asked {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What is seen of each answer, first of those of Limpet, then of those of nginx. */
async function seen<Seen>(
  t: Parameters<Parameters<typeof testWithNginx>[1]>[0],
  routes: readonly object[],
  asked: readonly Asked[],
  see: (answer: Answer) => Seen,
): Promise<[Seen[], Seen[]]> {
  const { address } = await mirrorOrigin(t)
  const limpet = await startLimpet(t, configOf(address, routes))
  const nginx = await startNginx(t, limpet.file)
  const all = async (port: number) => {
    const client = http1Client(t, port)
    const list: Seen[] = []
    for (const { path, headers = {} } of asked) list.push(see(await client.ask(path, { host: 'www.test', headers })))
    return list
  }
  return [await all(limpet.port), await all(nginx.port)]
}

const got = ({ body }: Answer) => JSON.parse(body) as { url: string; headers: Record<string, string> }

testWithNginx('redirect and respond answer as return does', async (t) => {
  const routes = [
    { path: '/a/*', upstream: undefined, filters: [{ redirect: { to: 'https://${request.host}${request.target}' } }] },
    { path: '/b/*', upstream: undefined, filters: [{ redirect: { to: '/new?${request.query}', status: 302 } }] },
    { path: '/c', upstream: undefined, filters: [{ respond: { status: 503, body: 'say "later"\n' } }] },
    { path: '/d', upstream: undefined, filters: [{ respond: {} }] },
  ]
  const asked = ['/a/x?q=%2F', '/a/../a/y%20z', '/b/?a=1&b=2', '/c', '/d'].map((path) => ({ path }))
  const see = ({ status, headers, body }: Answer) =>
    `${status} ${headers.location ?? `${headers['content-type']} ${body}`}`
  const [limpet, nginx] = await seen(t, routes, asked, see)
  assert.deepEqual(limpet, [
    '308 https://www.test/a/x?q=%2F',
    '308 https://www.test/a/../a/y%20z',
    '302 /new?a=1&b=2',
    '503 text/plain; charset=utf-8 say "later"\n',
    '200 text/plain; charset=utf-8 ',
  ])
  assert.deepEqual(nginx, limpet)
})

testWithNginx('paths and hosts are changed as in nginx', async (t) => {
  const routes = [
    { path: '/app/*', filters: [{ path: { strip: '/app' } }, { host: 'inner.test' }] },
    { path: '/v1.0/*', filters: [{ path: { add: '/api' } }] },
  ]
  const paths = ['/app/', '/app/x?q=%2F&p', '/app/a%20b', '/app/a%3Fb', '/app/app/y', '/v1.0/x', '/v1.0/a%25b?c']
  const see = (answer: Answer) => {
    const { url, headers } = got(answer)
    return [url, headers.host, headers['x-forwarded-host'], headers['x-forwarded-prefix'] ?? '-'].join(' ')
  }
  const [limpet, nginx] = await seen(
    t,
    routes,
    paths.map((path) => ({ path })),
    see,
  )
  assert.deepEqual(limpet, [
    '/ inner.test www.test /app',
    '/x?q=%2F&p inner.test www.test /app',
    '/a%20b inner.test www.test /app',
    '/a%3Fb inner.test www.test /app',
    '/app/y inner.test www.test /app',
    '/api/v1.0/x www.test www.test -',
    '/api/v1.0/a%25b?c www.test www.test -',
  ])
  assert.deepEqual(nginx, limpet)
})

testWithNginx('headers are set, added and removed as in nginx, and the others stay', async (t) => {
  const changes = {
    request: { set: { 'X-Set': '${request.method} ${request.header.x-from}!' }, remove: ['X-Gone'] },
    response: { set: { 'X-One': 'new' }, add: { 'X-More': 'b' }, remove: ['X-Secret'], default: { 'X-Kept': 'ours' } },
  }
  const routes = [{ path: '/*', filters: [{ headers: changes }, 'securityHeaders'] }]
  const answer = { 'X-One': ['1', '2'], 'X-More': 'a', 'X-Secret': 's', 'Referrer-Policy': 'origin' }
  const headers = { 'X-Set': 'forged', 'X-Gone': '1', 'X-From': 'f', 'X-Other': 'o' }
  const asked = [
    { path: '/', headers: { ...headers, 'X-Answer': JSON.stringify(answer) } },
    { path: '/', headers: { ...headers, 'X-Answer': JSON.stringify({ 'X-Kept': 'theirs' }) } },
  ]
  const see = (one: Answer) => {
    const { 'x-set': set, 'x-gone': gone = '-', 'x-other': other, host, 'x-forwarded-proto': proto } = got(one).headers
    const names = [
      'x-one',
      'x-more',
      'x-secret',
      'x-kept',
      'referrer-policy',
      'x-frame-options',
      'x-content-type-options',
    ]
    return [set, gone, other, host, proto, ...names.map((name) => one.headers[name] ?? '-')].join(' | ')
  }
  const [limpet, nginx] = await seen(t, routes, asked, see)
  assert.deepEqual(limpet, [
    'GET f! | - | o | www.test | http | new | a, b | - | ours | origin | SAMEORIGIN | nosniff',
    'GET f! | - | o | www.test | http | new | b | - | theirs | strict-origin-when-cross-origin | SAMEORIGIN | nosniff',
  ])
  assert.deepEqual(nginx, limpet)
})

testWithNginx('answers, tryNext and bufferResponse pass on what nginx does', async (t) => {
  const answers = {
    location: { 'http://in.test/': '/in/', 'http://in.test/deep/': '/d/' },
    cookiePath: { '/': '/in/' },
    cookieDomain: { 'in.test': 'out.test' },
  }
  const routes = [{ path: '/*', filters: [{ answers }, 'tryNext', 'bufferResponse'] }]
  const asked = [
    { Location: 'http://in.test/x', status: 302 },
    { Location: 'http://in.test/deep/y', status: 302 },
    { Location: 'http://other.test/', status: 302 },
    { 'Set-Cookie': 'a=1; Path=/; Domain=in.test; HttpOnly' },
    { status: 503 },
  ].map((answer) => ({ path: '/', headers: { 'X-Answer': JSON.stringify(answer) } }))
  const see = ({ status, headers }: Answer) => `${status} ${headers.location} ${headers['set-cookie']}`.toLowerCase()
  const [limpet, nginx] = await seen(t, routes, asked, see)
  assert.deepEqual(limpet, [
    '302 /in/x undefined',
    '302 /d/y undefined',
    '302 http://other.test/ undefined',
    '200 undefined a=1; path=/in/; domain=out.test; httponly',
    '503 undefined undefined',
  ])
  assert.deepEqual(nginx, limpet)
})

testWithNginx('escapes and dots in a path that is changed are decoded by nginx only', async (t) => {
  const routes = [{ path: '/app/*', filters: [{ path: { strip: '/app' } }] }]
  const paths = ['/app/a%2Fb', '/app/%7Ex']
  const [limpet, nginx] = await seen(
    t,
    routes,
    paths.map((path) => ({ path })),
    (answer) => got(answer).url,
  )
  assert.deepEqual(limpet, ['/a%2Fb', '/%7Ex'])
  assert.deepEqual(nginx, ['/a/b', '/~x'])
})

testWithNginx('a header whose variables are all empty is sent by Limpet only', async (t) => {
  const filters = [{ headers: { request: { set: { 'X-Of': '${request.header.x-from}' } } } }]
  const [limpet, nginx] = await seen(t, [{ path: '/*', filters }], [{ path: '/' }], (one) => got(one).headers['x-of'])
  assert.deepEqual(limpet, [''])
  assert.deepEqual(nginx, [undefined])
})

test('of these filters, what nginx cannot express is refused', () => {
  const filters = [
    { headers: { request: { add: { A: '1' } }, response: { set: { Server: 'x', B: '${server.name}' } } } },
    { headers: { response: { remove: 'B' } } },
    { host: 'server' },
    { path: { strip: '/other' } },
    { path: { set: '/x' } },
    { answers: { cookieDomain: { 'a.test': '' } } },
    { redirect: { to: '/$' } },
    { redirect: { to: 'https:', pattern: '^http:' } },
    { path: { strip: ['/app', '/other'] } },
  ]
  const text = JSON.stringify({ ...configOf('127.0.0.1:80', [{ path: '/app/*', filters }]), listeners: [{ port: 80 }] })
  assert.throws(
    () => exportNginx(parseConfig(text, 'limpet.yaml', {}), ''),
    (error) => {
      assert.ok(error instanceof ConfigError)
      const paths = error.problems.map(({ path }) => path.replace('routes[0].filters', ''))
      assert.deepEqual(paths, [
        '[0].headers',
        '[0].headers.request',
        '[0].headers.response',
        '[2].host',
        '[3].path.strip',
        '[4].path',
        '[5].answers.cookieDomain',
        '[6].redirect',
        '[6].redirect.to',
        '[7].redirect',
        '[7].redirect.pattern',
        '[8].path.strip',
        '[1].headers',
        '[4].path',
        '[8].path',
      ])
      return true
    },
  )
})
