/** Each difference of filters that docs/nginx.md lists, seen on both programs. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Answer, mirrorOrigin } from '../support/filtered.ts'
import { temporaryFolder } from '../support/folder.ts'
import { httpOrigin } from '../support/origin.ts'
import { type Asked, answering, answersOf, got, startBoth } from './both.ts'
import { testWithNginx } from './nginx.ts'

interface Difference {
  readonly asked: Asked
  readonly see: (answer: Answer) => unknown
  readonly limpet: unknown
  readonly nginx: unknown
}

const coding = ({ headers }: Answer) => headers['content-encoding'] ?? '-'
const status = ({ status }: Answer) => status

/** For what `compress` compresses. */
function packed(answer: Parameters<typeof answering>[0], accepts = 'gzip'): Asked {
  const headers = { ...answering({ 'Content-Type': 'text/plain', ...answer }), 'Accept-Encoding': accepts }
  return { path: '/gzip', headers }
}

/** For what a service of `forwardAuth` decides. */
function decided(answer: object): Asked {
  return { path: '/auth', headers: { 'X-Say': JSON.stringify(answer) } }
}

const differences: Record<string, Difference> = {
  'an escape such as `%2F`, in a path that [`path`](filters/path.md) changes': {
    asked: '/app/a%2Fb/%7Ex',
    see: (answer) => got(answer).url,
    limpet: '/a%2Fb/%7Ex',
    nginx: '/a/b/~x',
  },
  'dots and double slashes there': {
    asked: '/app/a/../b//c',
    see: (answer) => got(answer).url,
    limpet: '/a/../b//c',
    nginx: '/b/c',
  },
  'an escape in what an expression has found, for a [`redirect`](filters/redirect.md)': {
    asked: '/older/a%3F&b',
    see: ({ headers }) => headers.location,
    limpet: '/a%3F&b',
    nginx: '/a?%26b',
  },
  'a path with two slashes at its start, for a [`redirect`](filters/redirect.md) to that path': {
    asked: '//same/x',
    see: ({ headers }) => headers.location,
    limpet: '/same/x',
    nginx: '//same/x',
  },
  'a header of [`headers`](filters/headers.md) whose variables are all empty': {
    asked: '/heads',
    see: (answer) => got(answer).headers['x-of'],
    limpet: '',
    nginx: undefined,
  },
  'a header that comes twice, and has a `default`': {
    asked: { path: '/heads', headers: { 'X-Kind': ['a', 'b'] } },
    see: (answer) => got(answer).headers['x-kind'],
    limpet: 'a, b',
    nginx: 'a',
  },
  'an answer with `no-transform`, where there is [`compress`](filters/compress.md)': {
    asked: packed({ 'Cache-Control': 'no-transform' }),
    see: coding,
    limpet: '-',
    nginx: 'gzip',
  },
  'an answer with another status than 200, 403 and 404': {
    asked: packed({ status: 500 }),
    see: coding,
    limpet: 'gzip',
    nginx: '-',
  },
  'a type with parameters other than `charset`': {
    asked: packed({ 'Content-Type': 'text/plain; version=1' }),
    see: coding,
    limpet: 'gzip',
    nginx: '-',
  },
  'an answer whose server has said `Vary: Accept-Encoding`': {
    asked: packed({ Vary: 'Accept-Encoding' }),
    see: ({ headers }) => headers.vary,
    limpet: 'Accept-Encoding',
    nginx: 'Accept-Encoding, Accept-Encoding',
  },
  '`Accept-Encoding: *`': { asked: packed({}, '*'), see: coding, limpet: 'gzip', nginx: '-' },
  '`Accept-Encoding: gzip;q=0.5, identity`': {
    asked: packed({}, 'gzip;q=0.5, identity'),
    see: coding,
    limpet: '-',
    nginx: 'gzip',
  },
  'a request without a password, where [`basicAuth`](filters/basic-auth.md) asks for one': {
    asked: '/users',
    see: ({ headers }) => headers['www-authenticate'],
    limpet: 'Basic realm="Restricted", charset="UTF-8"',
    nginx: 'Basic realm="Restricted"',
  },
  'a body that is too large for [`bufferRequest`](filters/buffer-request.md), and no password': {
    asked: { path: '/users', method: 'POST', body: 'x'.repeat(20_001) },
    see: status,
    limpet: 401,
    nginx: 413,
  },
  'an answer of a service of [`forwardAuth`](filters/forward-auth.md) other than 2xx, 401 and 403': {
    asked: decided({ status: 302, Location: '/sign-in' }),
    see: ({ status, headers }) => `${status} ${headers.location ?? '-'}`,
    limpet: '302 /sign-in',
    nginx: '500 -',
  },
  'the page of a service that refuses a request': {
    asked: decided({ status: 403 }),
    see: ({ body }) => body.includes('from the service'),
    limpet: true,
    nginx: false,
  },
  'several cookies of such a service': {
    asked: decided({ 'Set-Cookie': ['a=1', 'b=2'] }),
    see: ({ headers }) => headers['set-cookie'],
    limpet: ['a=1', 'b=2'],
    nginx: ['a=1'],
  },
  'a service that does not answer': { asked: '/unanswered', see: status, limpet: 503, nginx: 500 },
  'an answer with 499, and a page of [`errorPages`](filters/error-pages.md) for `4xx`': {
    asked: { path: '/pages', headers: answering({ status: 499 }) },
    see: ({ body }) => body === 'sorry',
    limpet: true,
    nginx: false,
  },
  'a cookie `ID`, where [`split`](filters/split.md) divides by `cookie:id` with 100%': {
    asked: { path: '/parts', headers: { Cookie: 'ID=1' } },
    see: ({ body }) => body,
    limpet: 'own',
    nginx: 'other',
  },
  'a request beyond a [`rateLimit`](filters/rate-limit.md)': {
    asked: '/limited',
    see: ({ status, headers }) => `${status} ${headers['retry-after'] === undefined ? '-' : 'says when'}`,
    limpet: '429 says when',
    nginx: '429 -',
  },
  'a path below `/limpet-internal/` that the export uses': {
    asked: '/limpet-internal/auth_4_0',
    see: status,
    limpet: 200,
    nginx: 404,
  },
}

test('docs/nginx.md lists the differences of filters that are tested, and no others', async () => {
  const documentation = await readFile(new URL('../../docs/nginx.md', import.meta.url), 'utf8')
  const section = documentation.split('## Deliberate differences of filters')[1]!.split('\n## ')[0]!
  const rows = [...section.matchAll(/^\| (.*?) \|/gm)].map(([, first]) => first).slice(1)
  assert.deepEqual(rows, Object.keys(differences))
})

testWithNginx('the deliberate differences of filters', async (t) => {
  const file = join(await temporaryFolder(t), 'users')
  await writeFile(file, 'alice:$apr1$Ab3kL9xQ$ZEI3tyOVCS0WKZmjAjPW4.\n')
  const { address } = await mirrorOrigin(t)
  const named = async (name: string) => (await httpOrigin(t, (_request, response) => response.end(name))).address
  const service = await httpOrigin(t, ({ headers }, response) => {
    const { status = 200, ...fields } = JSON.parse(String(headers['x-say'] ?? '{}'))
    response.writeHead(status, fields).end('from the service')
  })
  const request = { set: { 'X-Of': '${request.header.x-from}' }, default: { 'X-Kind': 'c' } }
  const both = await startBoth(t, {
    workers: 1,
    routes: [
      { path: '/app/*', filters: [{ path: { strip: '/app' } }] },
      { path: '/heads', filters: [{ headers: { request } }] },
      { path: '/gzip', filters: [{ compress: { codings: ['gzip'], from: '1B' } }] },
      { path: '/users', filters: [{ basicAuth: { file } }, { bufferRequest: { memory: '10kB', disk: '10kB' } }] },
      { path: '/auth', filters: [{ forwardAuth: { url: `http://${service.address}/` } }] },
      { path: '/unanswered', filters: [{ forwardAuth: { url: 'http://127.0.0.1:1/' } }] },
      { path: '/pages', filters: [{ errorPages: { pages: [{ status: '4xx', body: 'sorry' }] } }] },
      { path: '/parts', upstream: 'own', filters: [{ split: { to: { other: '100%' }, by: 'cookie:id' } }] },
      { path: '/limited', filters: [{ rateLimit: { rate: '1/m', by: 'route' } }] },
      { path: '/same/*', upstream: undefined, filters: [{ redirect: { to: '${request.target}', status: 302 } }] },
      {
        path: '~ ^/older/(?<name>.*)$',
        upstream: undefined,
        filters: [{ redirect: { to: '/${route.name}', status: 302 } }],
      },
      { path: '/*' },
    ].map((route) => ({ upstream: 'app', ...route })),
    upstreams: {
      app: { servers: [address] },
      own: { servers: [await named('own')] },
      other: { servers: [await named('other')] },
    },
  })
  for (const client of [both.limpet, both.nginx]) await client.ask('/limited')
  for (const [name, { asked, see, limpet, nginx }] of Object.entries(differences)) {
    await t.test(name, async () => {
      assert.deepEqual(await answersOf(both.limpet, [asked], see), [limpet])
      assert.deepEqual(await answersOf(both.nginx, [asked], see), [nginx])
    })
  }
})
