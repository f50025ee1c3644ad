// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { filterNames } from '../../src/config/filter.ts'
import { printConfig } from '../../src/config/print.ts'

/** Each filter as it may be written, in as many forms as it has. */
const hash = '$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.'

const written: Readonly<Record<string, readonly unknown[]>> = {
  allow: [['10.0.0.0/8', '::1'], { from: ['10.0.0.0/8'], except: ['10.1.0.0/16'], status: 404 }],
  answers: [{}, { location: { '/': '/a/' }, cookiePath: { '/': '/a/' }, cookieDomain: { 'a.example': '' } }],
  basicAuth: [
    { file: '/etc/users' },
    { file: '/etc/users', realm: 'A', userHeader: 'X-User', forward: true },
    { users: `zoë:${hash}` },
    { users: [`a:${hash}`, `b:${hash}`] },
  ],
  bufferRequest: [{}, { memory: '1kB', disk: '0B' }],
  bufferResponse: [{}, { memory: '0B', disk: '1GB' }],
  compress: [{}, { codings: ['gzip'], types: ['text/*'], from: '0B', level: 9 }],
  concurrencyLimit: [{ limit: 5, by: 'client.address' }],
  cors: [
    { origins: 'any' },
    { origins: ['https://*.a.example'], credentials: true, headers: ['X-A'], expose: ['X-B'] },
  ],
  deny: [['192.0.2.1']],
  errorPages: [
    {
      pages: [
        { status: '5xx', body: 'a' },
        { status: 404, body: 'b', contentType: 'text/plain' },
        { status: 410, file: '/etc/410.html' },
      ],
    },
  ],
  forwardAuth: [
    { url: 'http://auth:9000/check' },
    { url: 'http://auth/', copy: ['X-A'], cache: { by: '${request.cookie.a}', for: '5s' } },
  ],
  headers: [
    {},
    {
      request: {
        remove: 'X-A',
        set: { 'X-B': 'a $${literal} ${client.address}', 'X-D': '$${client.address} $$${a.b} $${ ${route.a}' },
      },
      response: { default: { 'X-C': 'zoë ${route.a}' } },
    },
  ],
  host: ['server', 'a.example:8080'],
  jwt: [{ keys: 'https://id.example/keys' }],
  log: ['off', { sample: '10%' }],
  maintenancePage: [
    {},
    { when: 'never', except: ['10.0.0.0/8', '::1'], retryAfter: '1h', body: 'a', contentType: 'text/plain' },
    { when: { file: '/srv/down' }, bypass: ['cookie:a=12345678', 'header:x-b=abc-defgh'], file: '/etc/a.html' },
  ],
  mirror: [{ to: 'other' }],
  path: [
    { strip: '/a' },
    { strip: ['/a', '/b/c'] },
    { add: '/b' },
    { set: '/${route.a}?b' },
    { pattern: '^/(a+)$', to: '/$1' },
  ],
  rateLimit: [
    { rate: '10/s', by: 'client.address' },
    { rate: '1/m', burst: 3, by: ['header:X-A', 'route'], dryRun: true },
  ],
  redirect: [
    { to: 'https://a.example${request.target}' },
    { to: '/', status: 302 },
    { to: 'https:$1', pattern: '^http:(.*)' },
  ],
  respond: [{}, { file: '/etc/a.html' }, { status: 410, body: 'a', headers: { 'X-A': '${request.id}' } }],
  securityHeaders: [{}, { frames: 'none', contentSecurityPolicy: "default-src 'self'" }],
  split: [{ to: { other: '5%' } }, { to: { other: '5%' }, by: 'header:X-A', override: ['cookie:a'], only: 'new' }],
  tryNext: [{}, { statuses: [429] }],
}

function load(settings: object) {
  const upstreams = { app: { affinity: 'cookie', servers: ['127.0.0.1:1'] }, other: { servers: ['127.0.0.1:2'] } }
  return parseConfig(JSON.stringify({ ...settings, upstreams }), 'limpet.yaml', {})
}

test('no bytes are printed as that, and unlimited is no size of a filter', () => {
  const routesOf = (disk: string) => [{ path: '/*', upstream: 'app', filters: [{ bufferResponse: { disk } }] }]
  assert.match(printConfig(load({ routes: routesOf('0B') }), 'any'), /disk: 0B/)
  assert.throws(() => load({ routes: routesOf('unlimited') }), /expected a size from 0B to 1TB, found "unlimited"/)
})

test('users of a filter are hidden like secrets, in messages, too', () => {
  const routesOf = (basicAuth: object) => [{ path: '/*', upstream: 'app', filters: [{ basicAuth }] }]
  const printed = printConfig(load({ routes: routesOf({ users: [`a:${hash}`, `b:${hash}`] }) }), 'any', 'hidden')
  assert.doesNotMatch(printed, /apr1/)
  assert.match(printed, /- \$\{BASIC_AUTH_USER_1\}\n.*- \$\{BASIC_AUTH_USER_2\}\n/)
  for (const users of ['a:secret', ['a:secret'], `a:${hash}:secret`.replace('$apr1', '$apr0')]) {
    assert.throws(
      () => load({ routes: routesOf({ users }) }),
      ({ message }: Error) => /expected a hash by bcrypt/.test(message) && !/secret|apr0/.test(message),
    )
  }
  assert.throws(() => load({ routes: routesOf({}) }), /expected either file or users/)
  assert.throws(
    () => load({ routes: routesOf({ file: 'users', users: `a:${hash}` }) }),
    /expected either file or users/,
  )
})

test('a redirect of some requests only is no answer to all of them', () => {
  const redirect = { pattern: '^http:', to: 'https:' }
  assert.throws(() => load({ routes: [{ path: '/*', filters: [{ redirect }] }] }), /upstream/)
  assert.throws(
    () => load({ routes: [{ path: '/*', upstream: 'app', filters: [{ redirect: { ...redirect, pattern: '(a' } }] }] }),
    /expected a regular expression/,
  )
})

describe('a filter is the same after it is printed and loaded again', () => {
  for (const name of filterNames) {
    for (const settings of written[name] ?? []) {
      test(`${name} ${JSON.stringify(settings)}`, () => {
        const filters = [{ [name]: settings }]
        for (const config of [
          load({ routes: [{ path: '/*', upstream: 'app', filters }] }),
          load({ routes: [{ path: '/*', upstream: 'app' }], defaults: { filters } }),
        ])
          assert.deepEqual(parseConfig(printConfig(config, 'any'), 'printed', {}), config)
      })
    }
  }

  test('each filter is written here', () => {
    assert.deepEqual(Object.keys(written).toSorted(), filterNames.toSorted())
  })
})
