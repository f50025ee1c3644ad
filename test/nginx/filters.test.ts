/** Filters that nginx has, too: the same requests to Limpet and to nginx with its export. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ConfigError } from '../../src/config/error.ts'
import { parseConfig } from '../../src/config/file.ts'
import { exportNginx } from '../../src/export/nginx.ts'
import { http1Client } from '../support/filtered.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { startNginx, testWithNginx } from './nginx.ts'

/** Trusts whoever connects, so that requests can name their clients. */
const configOf = (address: string, routes: readonly object[], more: object = {}) => ({
  listeners: [{ address: '127.0.0.1', port: 0 }],
  workers: 2,
  trustedProxies: ['127.0.0.1'],
  routes: routes.map((route) => ({ path: '/*', upstream: 'app', ...route })),
  upstreams: { app: { servers: [address] } },
  ...more,
})

interface Asked {
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  /** How long after the one before, in ms. */
  readonly after?: number
}

/** The statuses that Limpet answers, and those of nginx. */
async function both(
  t: Parameters<Parameters<typeof testWithNginx>[1]>[0],
  routes: readonly object[],
  asked: readonly Asked[],
  more: object = {},
) {
  const { address } = await httpOrigin(t, (_request, response) => response.end())
  const limpet = await startLimpet(t, configOf(address, routes, more))
  const nginx = await startNginx(t, limpet.file)
  const statuses = await Promise.all(
    [limpet.port, nginx.port].map(async (port) => {
      const client = http1Client(t, port)
      const all: number[] = []
      for (const { path = '/', headers = {}, after = 0 } of asked) {
        if (after > 0) await pause(after)
        all.push((await client.ask(path, { headers })).status)
      }
      return all.join(' ')
    }),
  )
  return { limpet: statuses[0]!, nginx: statuses[1]! }
}

const from = (address: string, path = '/'): Asked => ({ path, headers: { 'X-Forwarded-For': address } })
const times = (count: number, asked: Asked) => Array<Asked>(count).fill(asked)

testWithNginx('rateLimit lets through what limit_req with nodelay does', async (t) => {
  const limit = { rate: '6/m', burst: 3, ipv6Prefix: 128 }
  const asked = [
    ...times(6, from('192.0.2.1')),
    ...times(2, from('192.0.2.2')),
    ...times(5, from('2001:db8::1')),
    ...times(5, from('2001:db8::2')),
  ]
  const { limpet, nginx } = await both(t, [{ filters: [{ rateLimit: limit }] }], asked)
  assert.equal(limpet, '200 200 200 200 429 429 200 200 200 200 200 200 429 200 200 200 200 429')
  assert.equal(nginx, limpet)
})

testWithNginx('a burst is made up for at the same pace', async (t) => {
  const limit = { rate: '1/s', burst: 2, by: 'header:X-Key', status: 503 }
  const key = (value: string, after = 0): Asked => ({ headers: { 'X-Key': value }, after })
  // The next request may come after 1 s, another one after 2 s.
  const asked = [...times(4, key('a')), key('a', 1500), key('a'), key('b'), ...times(4, {})]
  const { limpet, nginx } = await both(t, [{ filters: [{ rateLimit: limit }] }], asked)
  assert.equal(limpet, '200 200 200 503 200 503 200 200 200 200 503')
  assert.equal(nginx, limpet)
})

testWithNginx('limits of several routes, of defaults and by name count as in nginx', async (t) => {
  const routes = [
    { path: '/a/*', filters: [{ rateLimit: { rate: '6/m', by: 'route' } }] },
    { path: '/b/*', filters: [{ rateLimit: { rate: '6/m', by: 'header:X-Key', missing: 'pass', name: 'n' } }] },
    { path: '/c/*', filters: [{ rateLimit: { rate: '6/m', by: 'header:X-Key', missing: 'pass', name: 'n' } }] },
    { path: '/d/*', filters: [] },
  ]
  const defaults = { filters: [{ rateLimit: { rate: '6/m', burst: 6, by: 'header:X-All', missing: 'pass' } }] }
  const asked: Asked[] = [
    { path: '/a/' },
    { path: '/a/' },
    { path: '/b/', headers: { 'X-Key': '1' } },
    { path: '/c/', headers: { 'X-Key': '1' } },
    { path: '/c/', headers: { 'X-Key': '2' } },
    ...times(2, { path: '/c/' }),
    ...times(5, { path: '/d/', headers: { 'X-All': '1' } }),
    ...times(3, { path: '/c/', headers: { 'X-All': '1' } }),
  ]
  const { limpet, nginx } = await both(t, routes, asked, { defaults })
  assert.equal(limpet, '200 429 200 429 200 200 200 200 200 200 200 200 200 200 429')
  assert.equal(nginx, limpet)
})

testWithNginx('allow and deny decide as in nginx', async (t) => {
  const routes = [
    { path: '/a/*', filters: [{ allow: ['10.0.0.0/8', '2001:db8::/32'] }] },
    { path: '/b/*', filters: [{ deny: { from: ['10.0.0.0/8'], except: ['10.1.0.0/16', '10.2.3.4'] } }] },
    {
      path: '/c/*',
      filters: [{ deny: ['10.1.0.0/16'] }, { allow: { from: ['10.0.0.0/8'], except: ['10.2.0.0/16'] } }],
    },
    { path: '/d/*', filters: [{ deny: ['all'] }] },
  ]
  const clients = ['10.0.0.1', '10.1.2.3', '10.2.3.4', '11.0.0.1', '2001:db8::1', '2001:db9::1', '127.0.0.1']
  const asked = ['/a/', '/b/', '/c/', '/d/'].flatMap((path) => clients.map((client) => from(client, path)))
  const { limpet, nginx } = await both(t, routes, asked)
  assert.equal(
    limpet,
    [
      '200 200 200 403 200 403 403',
      '403 200 200 200 200 200 200',
      '200 403 403 403 403 403 403',
      '403 403 403 403 403 403 403',
    ].join(' '),
  )
  assert.equal(nginx, limpet)
})

testWithNginx('filters hold in nginx, too, where routes have conditions', async (t) => {
  const routes = [
    { path: '/*', methods: ['POST'], filters: [{ deny: ['10.0.0.1'] }] },
    { path: '/*', filters: [{ deny: ['10.0.0.2'] }] },
  ]
  const { limpet, nginx } = await both(t, routes, [from('10.0.0.1'), from('10.0.0.2'), from('10.0.0.3')])
  assert.equal(limpet, '200 403 200')
  assert.equal(nginx, limpet)
})

testWithNginx('concurrencyLimit refuses what limit_conn does, and log: off logs nothing', async (t) => {
  const held: (() => void)[] = []
  const { address } = await httpOrigin(t, (request, response) => {
    if (request.url === '/held') held.push(() => response.end())
    else response.end()
  })
  const filters = [{ concurrencyLimit: { limit: 2, ipv6Prefix: 128 } }]
  const routes = [
    { path: '/health', filters: [{ log: 'off' }] },
    { path: '/*', filters },
  ]
  const env = { ACCESS_LOG: join(await temporaryFolder(t), 'access.log') }
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration file
  const accessLog = { file: '${ACCESS_LOG}' }
  const limpet = await startLimpet(t, configOf(address, routes, { accessLog }), { env })
  const nginx = await startNginx(t, limpet.file)
  for (const port of [limpet.port, nginx.port]) {
    const client = http1Client(t, port)
    const statusOf = async (path: string) => (await client.ask(path)).status
    const waiting = [statusOf('/held'), statusOf('/held')]
    while (held.length < 2) await pause(5)
    assert.equal(await statusOf('/a'), 429)
    for (const answer of held.splice(0)) answer()
    assert.deepEqual(await Promise.all(waiting), [200, 200])
    assert.deepEqual([await statusOf('/health'), await statusOf('/b')], [200, 200])
  }
  const lines = await nginx.stop()
  assert.match(lines, /GET \/b /)
  assert.doesNotMatch(lines, /health/)
})

test('filters that nginx cannot express are refused, each by its name', () => {
  const filters = [
    { rateLimit: { rate: '10/h', by: 'session', headers: 'all' } },
    { rateLimit: { rate: '60/h' } },
    { concurrencyLimit: { limit: 1, by: ['header:X_Odd'] } },
    { allow: { from: ['all'], status: 404 } },
    { deny: { from: ['all'], except: ['10.0.0.1'] } },
    { log: { sample: '10%' } },
    'compress',
    'bufferRequest',
  ]
  const config = parseConfig(
    JSON.stringify(configOf('127.0.0.1:80', [{ filters }], { listeners: [{ port: 80 }] })),
    'limpet.yaml',
    {},
  )
  assert.throws(
    () => exportNginx(config, ''),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(
        error.problems.map(({ path }) => path.replace('routes[0].filters', '')),
        [
          '[0].rateLimit.by',
          '[0].rateLimit.rate',
          '[0].rateLimit.headers',
          '[1].rateLimit.ipv6Prefix',
          '[2].concurrencyLimit.by',
          '[5].log',
          '[6].compress',
          '[7].bufferRequest',
          '[3].allow.status',
          '[4].deny.except',
        ],
      )
      return true
    },
  )
})
