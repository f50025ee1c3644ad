/**
 * nginx as the oracle: nginx with the export of a configuration and Limpet with the original send the same requests to the
 * same servers, with the same content. deliberate-differences.test.ts has the intended differences.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { startLimpet } from '../support/limpet.ts'
import { echoOrigins } from './echo-origins.ts'
import { exchange, type Outcome } from './exchange.ts'
import { startNginx, testWithNginx } from './nginx.ts'
import { RequestMaker, type TestRequest, type Vocabulary } from './request-maker.ts'

const labRoutes = [
  { path: ['/api/student', '/api/student/'], upstream: 'dynamic' },
  { path: '/*', upstream: 'static' },
]
const labPaths = ['/', '/api/student', '/api/student/', '/api/student/7', '/api', '/app.js', '/API/student']
const lab = { paths: labPaths, hosts: ['localhost'] }

/** Tests of all configurations, each with that many requests. */
export function testAsNginx(requests: number): void {
  testWithNginx('the lab: ip-hash and round robin', (test) =>
    compare(test, requests, lab, 5, ([a, b, c, d, e]) => ({
      routes: labRoutes,
      upstreams: {
        static: { balance: 'ip-hash', servers: [a, b, c] },
        dynamic: { servers: [d, e] },
      },
    })),
  )

  testWithNginx('weights, with two workers', (test) =>
    compare(test, requests, lab, 6, ([a, b, c, d, e, f]) => ({
      workers: 2,
      routes: labRoutes,
      upstreams: {
        static: { balance: 'ip-hash', servers: weighted([a, 5], [b, 1], [c, 2]) },
        dynamic: { servers: weighted([d, 5], [e, 1], [f, 3]) },
      },
    })),
  )

  testWithNginx('servers that are down', (test) =>
    compare(test, requests, lab, 7, ([a, b, c, d, e, f, g]) => ({
      routes: labRoutes,
      upstreams: {
        static: { balance: 'ip-hash', servers: [a, down(b), { ...down(c), weight: 3 }, d] },
        dynamic: { servers: [down(e), f, g] },
      },
    })),
  )

  testWithNginx('backups, used and unused', (test) =>
    compare(test, requests, { paths: ['/', '/rest', '/rest/x'], hosts: ['localhost'] }, 6, ([a, b, c, d, e, f]) => ({
      routes: [
        { path: '/*', upstream: 'used' },
        { path: '/rest/*', upstream: 'resting' },
      ],
      upstreams: {
        used: { servers: [down(a), backup(b), { ...backup(c), weight: 2 }] },
        resting: { servers: [d, e, backup(f)] },
      },
    })),
  )

  testWithNginx('a server that refuses connections', (test) =>
    compare(test, requests, { paths: ['/'], hosts: ['localhost'] }, 4, ([a, b, c, d]) => ({
      routes: [{ path: '/*', upstream: 'hashed' }],
      upstreams: {
        hashed: {
          balance: 'ip-hash',
          servers: [a, { address: '127.0.0.1:1', weight: 2, failTimeout: '1h' }, b, c, d],
        },
      },
    })),
  )

  testWithNginx('hosts, from exact to any', (test) =>
    compare(
      test,
      requests,
      {
        paths: ['/', '/app', '/app/', '/app/x', '/app/deep/x', '/only', '/only/', '/shared/x'],
        hosts: [
          'example.org',
          'www.example.org',
          'a.www.example.org',
          'b.example.org',
          'x.org',
          'org',
          'bexample.org',
          '10.0.0.1',
        ],
      },
      6,
      ([a, b, c, d, e, f]) => ({
        routes: [
          { host: 'www.example.org', path: '/app/deep/*', upstream: 'a' },
          { host: 'www.example.org', path: '/only', upstream: 'b' },
          { host: '*.example.org', path: '/app/*', upstream: 'c' },
          { host: ['*.org', '10.0.0.1', '[::1]'], path: ['/only/*', '/shared/*'], upstream: 'd' },
          { host: '*.www.example.org', path: '/*', upstream: 'e' },
          { path: ['/app', '/shared/*', '/'], upstream: 'f' },
        ],
        upstreams: alone({ a, b, c, d, e, f }),
      }),
    ),
  )

  testWithNginx('prefixes, methods and headers', (test) =>
    compare(
      test,
      requests,
      {
        paths: [
          ...['/', '/app', '/app/', '/app/x', '/app/x/', '/app/x/y', '/a b', '/a%b', '/é', '/x"y\\z', '/{};$a', '/q?s'],
          ...['/read', '/read/', '/read/x', '/beta', '/beta/x', '/APP/', '/app.x'],
        ].map((path) => path.replace(/[ %"?é]/g, encodeURIComponent)),
        hosts: ['example.org', 'other.org'],
      },
      6,
      ([a, b, c, d, e, f]) => ({
        routes: [
          { path: ['/app/*', '/a b', '/a%b', '/é', '/x"y\\z', '/{};$a'], upstream: 'a' },
          { path: ['/app/x/*', '/app/x'], upstream: 'b' },
          { path: ['/read/*', '/app/x'], methods: ['GET', 'HEAD', 'PROPFIND'], upstream: 'c' },
          { path: ['/beta/*', '/*'], headers: { 'x-beta': '1' }, upstream: 'd' },
          { path: ['/beta/*', '/'], headers: { 'X-Beta': '1', 'X-Kind': 'a.b' }, upstream: 'e' },
          { path: ['/beta/*', '/read/*'], headers: { 'x-kind': 'Gold' }, methods: ['POST', 'GET'], upstream: 'f' },
          { path: '/beta/x', host: 'other.org', methods: ['DELETE'], upstream: 'f' },
        ],
        upstreams: {
          ...alone({ a, b, c, e, f }),
          d: { servers: [d], timeouts: { connect: '1s' } },
        },
      }),
    ),
  )

  testWithNginx('regular expressions, and prefixes within a segment', (test) =>
    compare(
      test,
      requests,
      {
        paths: [
          ...['/', '/app', '/app/', '/apple', '/app/x', '/app/v1', '/app/v12/x', '/app/v1/deep', '/api/v1', '/x.php'],
          ...['/X.PHP', '/app/x.php', '/app/v1/x.php', '/users/7', '/users/7/', '/users/x', '/users/', '/users', '/é1'],
          ...[
            '/aaaa',
            '/aaaab',
            '/a+b',
            '/q{2}',
            '/users/77/edit',
            '/img',
            '/imgs/x',
            '/x%0a.php',
            '/x.php%0a',
            '/a$b',
          ],
        ].map((path) => path.replace(/[é{}]/g, encodeURIComponent)),
        hosts: ['example.org', 'other.org'],
      },
      6,
      ([a, b, c, d, e, f]) => ({
        routes: [
          { path: ['/*', '/users/x'], upstream: 'a' },
          { path: ['/app*', '/img*'], upstream: 'b' },
          { path: ['/app/*', '/users/*'], upstream: 'c' },
          {
            path: ['~ ^/app/v(?<version>[0-9]+)', '~ ^/users/(\\d{1,2})$', '~ ^/users/\\d+/(?:edit|show)'],
            upstream: 'd',
          },
          { path: ['~* \\.php$', '~ ^/é[^/]', '~ ^/(a|aa)+$', '~ a\\$b$'], upstream: 'e', timeouts: { connect: '1s' } },
          { path: ['~ ^/app/v1/deep', '~ q\\{2}$', '~ a[+$]b', '~ ^/.\\.php.$'], upstream: 'f', bodyLimit: '10MB' },
        ],
        upstreams: alone({ a, b, c, d, e, f }),
      }),
    ),
  )

  testWithNginx('hosts by their beginning, and names with all below them', (test) =>
    compare(
      test,
      requests,
      {
        paths: ['/', '/app', '/app/x', '/only'],
        hosts: [
          'www.example.org',
          'www.example.co.uk',
          'www.example',
          'example.org',
          'a.example.org',

          'www.exampl.org',
        ],
      },
      3,
      ([a, b, c]) => ({
        routes: [
          { path: '/*', upstream: 'a' },
          { path: '/app/*', host: ['www.example.*', 'www.*'], upstream: 'b' },
          { path: '/only', host: ['www.example.org', 'www.*'], upstream: 'c' },
        ],
        upstreams: alone({ a, b, c }),
      }),
    ),
  )

  testWithNginx('redirects to folders', (test) =>
    compare(
      test,
      requests,
      {
        paths: [
          ...['/app', '/app/', '/app/x', '/app/deep', '/app/deep/', '/mixed', '/mixed/', '/read', '/read/x', '/both'],
          ...['/a b%"<é|', '/a b%"<é|/x', '/{};a', '/{};a/', '//app', '/app%2f', '/x/../app', '/other', '/APP'],
        ].map((path) => path.replace(/[ "<é|]|%(?!2f)/g, encodeURIComponent)),
        hosts: ['example.org', 'www.example.org', 'other.org'],
      },
      4,
      ([a, b, c, d]) => ({
        routes: [
          { path: '/*', upstream: 'a' },
          { path: ['/app/*', '/app/deep/*', '/a b%"<é|/*', '/{};a/*'], upstream: 'b' },
          { path: ['/mixed', '/both'], headers: { 'x-beta': '1' }, upstream: 'c' },
          { path: ['/mixed/*', '/{};a/*'], methods: ['GET', 'POST'], upstream: 'd' },
          { path: '/mixed/*', methods: ['PUT'], headers: { 'x-kind': 'Gold' }, upstream: 'b' },
          { path: ['/read/*', '/both/*'], upstream: 'c' },
          { host: 'www.example.org', path: ['/read', '/both/*'], upstream: 'd' },
          { host: '*.example.org', path: ['/app', '/read/*'], upstream: 'a' },
          { host: 'other.org', path: ['/*', '/other/*'], upstream: 'c' },
        ],
        upstreams: alone({ a, b, c, d }),
      }),
    ),
  )

  testWithNginx('trusted proxies, in front of ip-hash', (test) =>
    compare(test, requests, { paths: ['/'], hosts: ['localhost'] }, 5, (servers) => ({
      trustedProxies: ['127.0.0.0/9', '198.51.100.0/24', '203.0.113.7'],
      routes: [{ path: '/*', upstream: 'hashed' }],
      upstreams: { hashed: { balance: 'ip-hash', servers: servers.slice(0, 5) } },
    })),
  )
}

type Servers = string[]

/** Sends the same requests to both programs, and expects the same outcomes. */
export async function compare(
  test: TestContext,
  count: number,
  vocabulary: Vocabulary,
  servers: number,
  configOf: (servers: [string, string, string, string, string, string, string]) => object,
): Promise<void> {
  const addresses: Servers = await echoOrigins(test, servers)
  const config = configOf(addresses as Parameters<typeof configOf>[0])
  const folder = await mkdtemp(join(tmpdir(), 'limpet-differential-'))
  test.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'limpet.yaml')
  await writeFile(
    file,
    JSON.stringify({
      workers: 1,
      listeners: [{ address: '127.0.0.1', port: 0 }],
      accessLog: { file: `\${ACCESS_LOG:-${folder}/limpet.log}` },
      ...config,
    }),
  )
  const nginx = await startNginx(test, file)
  const limpet = await startLimpet(test, undefined, { flags: ['-c', file, '--access-log', 'combined'] })
  const maker = new RequestMaker(vocabulary, 20_261_122)
  const requests = Array.from({ length: count }, () => maker.next())
  const [expected, actual] = await Promise.all([outcomes(nginx.port, requests), outcomes(limpet.port, requests)])
  const ours = actual.map((outcome) => comparable(outcome, limpet.port))
  const theirs = expected.map((outcome) => comparable(outcome, nginx.port))
  const differing = requests.filter((_, index) => !isDeepStrictEqual(ours[index], theirs[index]))
  for (const request of differing) {
    const index = requests.indexOf(request)
    const message = `${differing.length} of ${count} requests, such as ${JSON.stringify(request)}`
    assert.deepEqual(ours[index], theirs[index], message)
  }
  limpet.process.kill()
  await limpet.exit
  const [limpetLog, nginxLog] = await Promise.all([readFile(join(folder, 'limpet.log'), 'utf8'), nginx.stop()])
  const lines = comparableLines(limpetLog)
  assert.ok(lines.length > 0)
  assert.deepEqual(lines, comparableLines(nginxLog))
}

async function outcomes(port: number, requests: readonly TestRequest[]): Promise<Outcome[]> {
  const all: Outcome[] = []
  for (const request of requests) all.push(await exchange(port, request))
  return all
}

/** The outcome without random values, and without each program's own text in responses that no server sent. */
function comparable({ status, echo, fields }: Outcome, port: number) {
  if (echo === undefined) return { status, location: fields.find(([name]) => name === 'location') }
  const headers = echo.headers.map(([name, value]) => {
    if (name === 'x-request-id' && /^[0-9a-f]{32}$/.test(value)) return [name, '(made)']
    if (name === 'x-forwarded-port' && value === String(port)) return [name, '(own)']
    return [name, value]
  })
  return { status, echo: { ...echo, headers }, fields }
}

/** The log lines of requests that reached a server, without times and reasons; sorted, because workers write independently. */
function comparableLines(log: string): string[] {
  return log
    .split('\n')
    .filter((line) => line.includes(' 200 5 ') || line.includes(' 200 0 '))
    .map((line) => line.replace(/\[.*?\]/, '[]').replace(/ [\d.]+ \S+$/, ''))
    .sort()
}

function weighted(...servers: [address: string, weight: number][]) {
  return servers.map(([address, weight]) => ({ address, weight }))
}

function down(address: string) {
  return { address, down: true }
}

function backup(address: string) {
  return { address, backup: true }
}

function alone(servers: Record<string, string>) {
  return Object.fromEntries(Object.entries(servers).map(([name, address]) => [name, { servers: [address] }]))
}
