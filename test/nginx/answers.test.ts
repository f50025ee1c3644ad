/** Filters that see answers: pages of one's own, compression, and what pages of other origins are told. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { type Answer, mirrorOrigin } from '../support/filtered.ts'
import { type Asked, answering, expectOfBoth, startBoth } from './both.ts'
import { testWithNginx } from './nginx.ts'

const pages = [
  { status: 404, body: '<h1>There is "no" such page</h1>' },
  { status: '5xx', body: 'later', contentType: 'text/plain' },
  { status: '400-499', body: '' },
]
const origins = ['https://www.example.org', 'https://*.example.org']

testWithNginx('answers', async (t) => {
  const { address } = await mirrorOrigin(t)
  const both = await startBoth(t, {
    workers: 1,
    routes: [
      { path: '/pages/*', filters: [{ errorPages: { pages } }, 'securityHeaders'] },
      { path: '/refused.jpg', filters: [{ deny: ['all'] }, { errorPages: { pages } }] },
      { path: '/posted', methods: ['POST'], filters: [{ errorPages: { pages } }] },
      { path: '/away', upstream: 'away', filters: [{ errorPages: { pages } }] },
      {
        path: '/gzip/*',
        filters: [{ compress: { codings: ['gzip'], types: ['text/*', 'application/json'], from: '200B' } }],
      },
      {
        path: '/cors/*',
        filters: [{ cors: { origins, credentials: true, expose: ['X-A', 'X-B'] } }, { deny: ['127.0.0.1'] }],
      },
      { path: '/open/*', filters: [{ cors: { origins: 'any', headers: ['X-C'], methods: ['PUT'], maxAge: '1m' } }] },
    ].map((route) => ({ upstream: 'app', ...route })),
    upstreams: { app: { servers: [address] }, away: { servers: [{ address: '127.0.0.1:1', maxFails: 0 }] } },
  })

  await t.test('a page takes the place of an error, with its status and what clients need of it', async () => {
    const asked: Asked[] = [
      { path: '/pages/a', headers: answering({ status: 404, 'X-Frame-Options': 'DENY', 'X-Other': '1' }) },
      { path: '/pages/a.html', method: 'POST', body: 'x', headers: answering({ status: 503, 'Retry-After': '7' }) },
      { path: '/pages/', headers: answering({ status: 401, 'WWW-Authenticate': 'Bearer' }) },
      { path: '/pages/', headers: answering({ status: 405, Allow: 'GET' }) },
      { path: '/pages/', headers: answering({ status: 302, 'Content-Length': '0' }) },
      { path: '/pages/', method: 'HEAD', headers: answering({ status: 500 }) },
      '/refused.jpg',
      { path: '/posted', method: 'POST', headers: answering({ status: 404 }) },
      '/away',
    ]
    const names = [
      'content-type',
      'content-length',
      'x-frame-options',
      'x-other',
      'retry-after',
      'www-authenticate',
      'allow',
    ]
    const see = ({ status, headers, body }: Answer) =>
      [status, ...names.map((name) => headers[name] ?? '-'), body.length < 40 ? body : '…'].join(' | ')
    await expectOfBoth(both, asked, see, [
      '404 | text/html; charset=utf-8 | 32 | SAMEORIGIN | - | - | - | - | <h1>There is "no" such page</h1>',
      '503 | text/plain | 5 | SAMEORIGIN | - | 7 | - | - | later',
      '401 | text/html; charset=utf-8 | 0 | SAMEORIGIN | - | - | Bearer | - | ',
      '405 | text/html; charset=utf-8 | 0 | SAMEORIGIN | - | - | - | GET | ',
      '302 | - | 0 | SAMEORIGIN | - | - | - | - | ',
      '500 | text/plain | 5 | SAMEORIGIN | - | - | - | - | ',
      '403 | text/html; charset=utf-8 | 0 | - | - | - | - | - | ',
      '404 | text/html; charset=utf-8 | 32 | - | - | - | - | - | <h1>There is "no" such page</h1>',
      '502 | text/plain | 5 | - | - | - | - | - | later',
    ])
  })

  await t.test('what a client accepts is compressed, and says so', async () => {
    const text = { 'Content-Type': 'text/plain; charset=utf-8', ETag: '"1"', 'Accept-Ranges': 'bytes' }
    const ask = (answer: Parameters<typeof answering>[0], accepts = 'gzip', more: object = {}): Asked => ({
      path: '/gzip/',
      headers: { ...answering(answer), 'X-Long': 'x'.repeat(200), 'Accept-Encoding': accepts },
      ...more,
    })
    const asked = [
      ask(text),
      ask({ ...text, ETag: 'W/"1"' }),
      ask({ 'Content-Type': 'application/json' }, 'br;q=1, gzip;q=0.5'),
      ask({ 'Content-Type': 'TEXT/HTML' }, 'deflate, GZIP'),
      ask({ ...text, status: 404 }),
      ask(text, 'gzip;q=0'),
      ask(text, 'br'),
      ask({ 'Content-Type': 'image/png' }),
      ask({ ...text, 'Content-Encoding': 'br' }),
      ask({ ...text, status: 206, 'Content-Range': 'bytes 0-1/2' }, 'gzip', {
        headers: { 'Accept-Encoding': 'gzip', Range: 'bytes=0-1', ...answering({ ...text, status: 206 }) },
      }),
      ask({ ...text, status: 304 }),
      ask(text, 'gzip', { method: 'HEAD' }),
    ]
    const see = ({ status, headers, bytes }: Answer) => {
      const isCompressed = headers['content-encoding'] === 'gzip' && bytes.length > 0
      const body = isCompressed ? gunzipSync(bytes) : bytes
      const whole = body.length === 0 ? 'empty' : JSON.parse(body.toString()).url
      const { 'content-encoding': coding, vary, etag, 'accept-ranges': ranges } = headers
      return [status, coding, vary, etag, ranges, whole].map((each) => each ?? '-').join(' | ')
    }
    await expectOfBoth(both, asked, see, [
      '200 | gzip | Accept-Encoding | W/"1" | - | /gzip/',
      '200 | gzip | Accept-Encoding | W/"1" | - | /gzip/',
      '200 | gzip | Accept-Encoding | - | - | /gzip/',
      '200 | gzip | Accept-Encoding | - | - | /gzip/',
      '404 | gzip | Accept-Encoding | W/"1" | - | /gzip/',
      '200 | - | Accept-Encoding | "1" | bytes | /gzip/',
      '200 | - | Accept-Encoding | "1" | bytes | /gzip/',
      '200 | - | - | - | - | /gzip/',
      '200 | br | - | "1" | bytes | /gzip/',
      '206 | - | - | "1" | bytes | /gzip/',
      '304 | - | - | "1" | bytes | empty',
      '200 | gzip | Accept-Encoding | W/"1" | - | empty',
    ])
  })

  await t.test('a page learns whether it may read answers, and preflights are answered', async () => {
    const theirs = answering({
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Credentials': 'no',
      Vary: 'X',
    })
    const from = (path: string, Origin: string): Asked => ({ path, headers: { ...theirs, Origin } })
    const preflight = (path: string, Origin: string): Asked => ({
      path,
      method: 'OPTIONS',
      headers: { Origin, 'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'x-y' },
    })
    const asked: Asked[] = [
      from('/cors/', 'https://www.example.org'),
      from('/cors/', 'https://a.b.example.org'),
      from('/cors/', 'https://www.example.ORG'),
      from('/cors/', 'https://wwwxexample.org'),
      from('/cors/', 'https://.example.org'),
      preflight('/cors/', 'https://a.example.org'),
      preflight('/cors/', 'https://evil.test'),
      from('/open/', 'https://evil.test'),
      preflight('/open/', 'https://evil.test'),
      { path: '/open/', method: 'OPTIONS', headers: { Origin: 'https://a.test', ...theirs } },
      { path: '/open/', headers: theirs },
    ]
    const see = ({ status, headers }: Answer) => {
      const told = ['allow-origin', 'allow-credentials', 'expose-headers', 'allow-methods', 'allow-headers', 'max-age']
      const varies = headers.vary?.split(', ').sort().join()
      return [status, ...told.map((name) => headers[`access-control-${name}`]), varies]
        .map((each) => each ?? '-')
        .join(' | ')
    }
    const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE'
    const asks = 'Access-Control-Request-Headers,Access-Control-Request-Method'
    await expectOfBoth(both, asked, see, [
      // `deny` comes after it.
      '403 | https://www.example.org | true | X-A, X-B | - | - | - | Origin',
      '403 | https://a.b.example.org | true | X-A, X-B | - | - | - | Origin',
      '403 | - | - | - | - | - | - | Origin',
      '403 | - | - | - | - | - | - | Origin',
      '403 | - | - | - | - | - | - | Origin',
      `204 | https://a.example.org | true | X-A, X-B | ${methods} | x-y | 600 | ${asks},Origin`,
      '204 | - | - | - | - | - | - | Origin',
      '200 | * | - | - | - | - | - | X',
      `204 | * | - | - | PUT | X-C | 60 | ${asks}`,
      '200 | * | - | - | - | - | - | X',
      '200 | * | - | - | - | - | - | X',
    ])
  })

  await t.test('a long answer of unknown length is the same when it is decoded', async () => {
    const digests: string[] = []
    for (const client of [both.limpet, both.nginx]) {
      const body = Buffer.alloc(300_000, 'The quick brown fox. ')
      const { headers, bytes } = await client.ask('/gzip/', {
        method: 'POST',
        body,
        headers: {
          ...answering({ 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }),
          'Accept-Encoding': 'gzip',
        },
      })
      assert.equal(headers['content-encoding'], 'gzip')
      assert.ok(bytes.length < 30_000)
      digests.push(
        createHash('sha256')
          .update(JSON.parse(gunzipSync(bytes).toString()).body)
          .digest('hex'),
      )
    }
    assert.equal(digests[0], digests[1])
  })
})
