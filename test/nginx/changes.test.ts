/** Filters that change or answer messages: the same requests to Limpet and to nginx with its export. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import { type Answer, mirrorOrigin } from '../support/filtered.ts'
import { httpOrigin } from '../support/origin.ts'
import { type Asked, answering, expectOfBoth, got, startBoth } from './both.ts'
import { testWithNginx } from './nginx.ts'

const headers = {
  request: {
    set: { 'X-Set': '${request.method} ${request.header.x-from}!' },
    remove: ['X-Gone'],
    default: { 'X-Absent': 'ours', 'X-Id': '${request.id}' },
  },
  response: { set: { 'X-One': 'new' }, add: { 'X-More': 'b' }, remove: ['X-Secret'], default: { 'X-Kept': 'ours' } },
}
const answers = {
  location: { 'http://in.test/': '/in/', 'http://in.test/deep/': '/d/' },
  cookiePath: { '/': '/in/' },
  cookieDomain: { 'in.test': 'out.test' },
}

/** Routes without an upstream. */
const answered = [
  { path: '/to/*', filters: [{ redirect: { to: 'https://${request.host}${request.target}' } }] },
  { path: '/new/*', filters: [{ redirect: { to: '/new?${request.query}', status: 302 } }] },
  ...[301, 303, 307].map((status) => ({ path: `/${status}`, filters: [{ redirect: { to: '/x', status } }] })),
  {
    path: '~ ^/old/(?<kind>[a-z]+)/(?<name>.*)$',
    filters: [{ redirect: { to: '/${route.name}?is=${route.kind}', status: 301 } }],
  },
  { path: '~ ^/older/(?<name>.*)$', filters: [{ redirect: { to: 'https://new.test/${route.name}', status: 302 } }] },
  { path: '/later.jpg', filters: [{ respond: { status: 503, body: 'say "later"\n' } }] },
  { path: '/empty', filters: [{ respond: {} }, 'securityHeaders'] },
  {
    path: '/style',
    filters: [
      { headers: { response: { set: { 'X-By': 'us' } } } },
      { respond: { body: 'a{}', headers: { 'Content-Type': 'text/css', 'X-From': '${client.address}' } } },
    ],
  },
  { path: '/kept', filters: [{ deny: ['127.0.0.1'] }, { redirect: { to: '/x' } }] },
]

testWithNginx('changes and answers', async (t) => {
  const { address } = await mirrorOrigin(t)
  const failing = await httpOrigin(t, (_request, response) => response.writeHead(503).end())
  const both = await startBoth(t, {
    workers: 1,
    routes: [
      ...answered.map((route) => ({ upstream: undefined, ...route })),
      { path: '/app/*', filters: [{ path: { strip: '/app' } }, { host: 'inner.test' }] },
      { path: '/v1.0/*', filters: [{ path: { add: '/api' } }] },
      { path: '/two/*', filters: [{ path: { strip: '/two' } }, { path: { add: '/v2' } }, { host: 'server' }] },
      { path: '/year/*', filters: [{ path: { pattern: '^/year/([0-9]+)/(.*)$', to: '/$2/of/$1' } }] },
      { path: '/part/*', filters: [{ path: { pattern: '/v(\\d)/', to: '/version-$1/' } }] },
      { path: '/end/*', filters: [{ path: { pattern: '(?i)\\.(php|asp)$', to: '.html' } }] },
      { path: '/status', filters: [{ path: { set: '/internal?host=${request.host}' } }] },
      { path: '~ ^/rooms/(?<room>[^/]+)$', filters: [{ path: { set: '/r/${route.room}/x' } }] },
      { path: '/heads/*', filters: [{ headers }, 'securityHeaders'] },
      { path: '/back/*', filters: [{ answers }, 'bufferResponse'] },
      { path: '/next/*', upstream: 'two', filters: ['tryNext'] },
    ].map((route) => ({ upstream: 'app', ...route })),
    upstreams: {
      app: { servers: [address] },
      two: {
        servers: [
          { address: failing.address, maxFails: 0 },
          { address, backup: true },
        ],
      },
    },
  })

  await t.test('redirects have their status, the query that they name, and what an expression has found', async () => {
    const asked = ['/to/x?q=%2F', '/to/../to/y%20z', '/new/?a=1&b=2', '/301?q', '/303', '/307']
    const found = ['/old/book/a/b?q', '/old/book/%41%20b', '/older/x%0d%0aX:y', '/kept']
    await expectOfBoth(both, [...asked, ...found], ({ status, headers }) => `${status} ${headers.location ?? '-'}`, [
      '308 https://www.test/to/x?q=%2F',
      '308 https://www.test/to/../to/y%20z',
      '302 /new?a=1&b=2',
      '301 /x',
      '303 /x',
      '307 /x',
      '301 /a/b?is=book',
      '301 /A%20b?is=book',
      '302 https://new.test/x%0D%0AX:y',
      '403 -',
    ])
  })

  await t.test('answers have their type, whatever the path ends with, and the headers of all filters', async () => {
    const see = ({ status, headers, body }: Answer) =>
      [status, headers['content-type'], headers['x-frame-options'], headers['x-from'], headers['x-by'], body]
        .map((each) => each ?? '-')
        .join(' | ')
    await expectOfBoth(both, ['/later.jpg', '/empty', '/style'], see, [
      '503 | text/plain; charset=utf-8 | - | - | - | say "later"\n',
      '200 | text/plain; charset=utf-8 | SAMEORIGIN | - | - | ',
      '200 | text/css | - | 127.0.0.1 | us | a{}',
    ])
  })

  await t.test('paths and hosts are others for the server', async () => {
    const asked = [
      ...['/app/', '/app/x?q=%2F&p', '/app/a%20b', '/app/a%3Fb', '/app/app/y', '/v1.0/x', '/v1.0/a%25b?c'],
      ...['/two/x?q', '/year/1999/a/b?q', '/year/x', '/part/a/v1/b/v2/', '/part/v', '/end/a.PHP?q', '/end/a.phpx'],
      ...['/status', '/status?a=b', '/rooms/a%20b', '/rooms/x?q'],
    ]
    const see = (answer: Answer) => {
      const { url, headers } = got(answer)
      return [url, headers.host, headers['x-forwarded-host'], headers['x-forwarded-prefix'] ?? '-'].join(' ')
    }
    const plain = 'www.test www.test -'
    await expectOfBoth(both, asked, see, [
      '/ inner.test www.test /app',
      '/x?q=%2F&p inner.test www.test /app',
      '/a%20b inner.test www.test /app',
      '/a%3Fb inner.test www.test /app',
      '/app/y inner.test www.test /app',
      `/api/v1.0/x ${plain}`,
      `/api/v1.0/a%25b?c ${plain}`,
      `/v2/x?q ${address} www.test /two`,
      `/a/b/of/1999?q ${plain}`,
      `/year/x ${plain}`,
      `/part/a/version-1/b/v2/ ${plain}`,
      `/part/v ${plain}`,
      `/end/a.html?q ${plain}`,
      `/end/a.phpx ${plain}`,
      `/internal?host=www.test ${plain}`,
      `/internal?host=www.test&a=b ${plain}`,
      `/r/a%20b/x ${plain}`,
      `/r/x/x?q ${plain}`,
    ])
  })

  await t.test('headers are set, added and removed, and the others stay', async () => {
    const answer = { 'X-One': ['1', '2'], 'X-More': 'a', 'X-Secret': 's', 'Referrer-Policy': 'origin' }
    const sent = { 'X-Set': 'forged', X_Set: 'forged', 'X-Gone': '1', X_Gone: '1', 'X-From': 'f', 'X-Other': 'o' }
    const asked: Asked[] = [
      { path: '/heads/', headers: { ...sent, ...answering(answer), 'X-Request-Id': 'a-1' } },
      { path: '/heads/', headers: { ...sent, ...answering({ 'X-Kept': 'theirs' }), 'X-Absent': 'here', 'X-Id': '7' } },
    ]
    const ofRequest = ['x-set', 'x_set', 'x-gone', 'x_gone', 'x-other', 'x-absent', 'x-id', 'host', 'x-forwarded-proto']
    const ofResponse = [
      ...['x-one', 'x-more', 'x-secret', 'x-kept', 'referrer-policy', 'x-frame-options', 'x-content-type-options'],
    ]
    const see = (one: Answer) =>
      [...ofRequest.map((name) => got(one).headers[name]), ...ofResponse.map((name) => one.headers[name])]
        .map((value) => value ?? '-')
        .join(' | ')
    await expectOfBoth(both, asked, see, [
      'GET f! | - | - | - | o | ours | a-1 | www.test | http | new | a, b | - | ours | origin | SAMEORIGIN | nosniff',
      'GET f! | - | - | - | o | here | 7 | www.test | http | new | b | - | theirs | strict-origin-when-cross-origin | SAMEORIGIN | nosniff',
    ])
  })

  await t.test('addresses in answers are others for the client, and another server is asked', async () => {
    const asked = [
      ...[
        { Location: 'http://in.test/x', status: 302 },
        { Location: 'http://in.test/deep/y', status: 302 },
        { Location: 'http://other.test/', status: 302 },
        { 'Set-Cookie': 'a=1; Path=/; Domain=in.test; HttpOnly' },
        { status: 503 },
      ].map((answer) => ({ path: '/back/', headers: answering(answer) })),
      '/next/',
    ]
    const see = ({ status, headers }: Answer) => `${status} ${headers.location} ${headers['set-cookie']}`.toLowerCase()
    await expectOfBoth(both, asked, see, [
      '302 /in/x undefined',
      '302 /d/y undefined',
      '302 http://other.test/ undefined',
      '200 undefined a=1; path=/in/; domain=out.test; httponly',
      '503 undefined undefined',
      '200 undefined undefined',
    ])
  })
})
