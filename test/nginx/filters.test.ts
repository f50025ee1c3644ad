/** Filters that refuse requests: the same requests to Limpet and to nginx with its export. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { temporaryFolder } from '../support/folder.ts'
import { httpOrigin } from '../support/origin.ts'
import { until } from '../support/until.ts'
import { type Asked, answersOf, expectOfBoth, startBoth } from './both.ts'
import { testWithNginx } from './nginx.ts'

const from = (address: string, path = '/'): Asked => ({ path, headers: { 'X-Forwarded-For': address } })
const key = (path: string, value: string): Asked => ({ path, headers: { 'X-Key': value } })
const times = (count: number, asked: Asked) => Array<Asked>(count).fill(asked)

testWithNginx('limits and addresses', async (t) => {
  const held: (() => void)[] = []
  const { address } = await httpOrigin(t, (request, response) => {
    if (/held|slow/.test(request.url!)) held.push(() => response.end())
    else response.end()
  })
  const named = { rate: '6/m', by: 'header:X-Key', missing: 'pass', name: 'n' }
  // Trusts whoever connects, so that requests can name their clients.
  const config = {
    workers: 2,
    trustedProxies: ['127.0.0.1'],
    accessLog: { file: `\${ACCESS_LOG}` },
    defaults: { filters: [{ rateLimit: { rate: '6/m', burst: 6, by: 'header:X-All', missing: 'pass' } }] },
    routes: [
      { path: '/rate', filters: [{ rateLimit: { rate: '6/m', burst: 3, ipv6Prefix: 128 } }] },
      { path: '/burst', filters: [{ rateLimit: { rate: '1/s', burst: 2, by: 'header:X-Key' } }] },
      {
        path: '/status',
        filters: [
          { concurrencyLimit: { limit: 1, by: 'route' } },
          { rateLimit: { rate: '6/m', by: 'route', name: 'r' } },
        ],
      },
      { path: '/a/*', filters: [{ rateLimit: { rate: '6/m', by: 'route' } }] },
      { path: '/b/*', filters: [{ rateLimit: named }] },
      { path: '/c/*', filters: [{ rateLimit: named }] },
      { path: '/d/*' },
      { path: '/allow/*', filters: [{ allow: ['10.0.0.0/8', '2001:db8::/32'] }] },
      { path: '/deny/*', filters: [{ deny: { from: ['10.0.0.0/8'], except: ['10.1.0.0/16', '10.2.3.4'] } }] },
      {
        path: '/both/*',
        filters: [{ allow: { from: ['10.0.0.0/8'], except: ['10.2.0.0/16'] } }, { deny: ['10.1.0.0/16'] }],
      },
      { path: '/none/*', filters: [{ deny: ['all'] }] },
      { path: '/posts', methods: ['POST'], filters: [{ deny: ['10.0.0.1'] }] },
      { path: '/posts', filters: [{ deny: ['10.0.0.2'] }] },
      { path: '/health', filters: [{ log: 'off' }] },
      { path: '/slow', filters: [{ concurrencyLimit: { limit: 1, by: 'route', status: 503 } }] },
      { path: '/dry/held', filters: [{ concurrencyLimit: { limit: 1, by: 'route', dryRun: true } }] },
      { path: ['/held', '/other'], filters: [{ concurrencyLimit: { limit: 2, ipv6Prefix: 128 } }] },
    ].map((route) => ({ upstream: 'app', ...route })),
    upstreams: { app: { servers: [address] } },
  }
  const both = await startBoth(t, config, { ACCESS_LOG: join(await temporaryFolder(t), 'access.log') })
  const status = ({ status }: { readonly status: number }) => status

  await t.test('rateLimit lets through what limit_req with nodelay does', async () => {
    const asked = [
      ...times(6, from('192.0.2.1', '/rate')),
      ...times(2, from('192.0.2.2', '/rate')),
      ...times(5, from('2001:db8::1', '/rate')),
      ...times(5, from('2001:db8::2', '/rate')),
    ]
    const first = [200, 200, 200, 200]
    await expectOfBoth(both, asked, status, [...first, 429, 429, 200, 200, ...first, 429, ...first, 429])
  })

  await t.test('a burst is made up for at the same pace', async () => {
    for (const client of [both.limpet, both.nginx]) {
      const first = await answersOf(client, times(4, key('/burst', 'a')), status)
      // The next request may come after 1 s, another one after 2 s.
      await pause(1500)
      const later = await answersOf(
        client,
        [...times(2, key('/burst', 'a')), key('/burst', 'b'), ...times(4, '/burst')],
        status,
      )
      assert.deepEqual(
        [first, later],
        [
          [200, 200, 200, 429],
          [200, 429, 200, 200, 200, 200, 429],
        ],
      )
    }
  })

  await t.test('limits of several routes, of defaults and by name count together or apart', async () => {
    const all = (path: string): Asked => ({ path, headers: { 'X-All': '1' } })
    const asked = [
      ...['/a/', '/a/', key('/b/', '1'), key('/c/', '1'), key('/c/', '2'), '/c/', '/c/'],
      ...times(5, all('/d/')),
      ...times(3, all('/c/')),
      ...['/status', '/status'],
    ]
    await expectOfBoth(both, asked, status, [200, 429, 200, 429, ...Array(10).fill(200), 429, 200, 429])
  })

  await t.test('allow and deny decide alike, in routes with conditions, too', async () => {
    const clients = ['10.0.0.1', '10.1.2.3', '10.2.3.4', '11.0.0.1', '2001:db8::1', '2001:db9::1', '127.0.0.1']
    const asked = ['/allow/', '/deny/', '/both/', '/none/'].flatMap((path) =>
      clients.map((client) => from(client, path)),
    )
    const [yes, no] = [200, 403]
    await expectOfBoth(both, asked, status, [
      ...[yes, yes, yes, no, yes, no, no],
      ...[no, yes, yes, yes, yes, yes, yes],
      ...[yes, no, no, no, no, no, no],
      ...[no, no, no, no, no, no, no],
    ])
    const posts = ['GET', 'POST'].flatMap((method) =>
      ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((client) => ({
        path: '/posts',
        method,
        headers: { 'X-Forwarded-For': client },
      })),
    )
    await expectOfBoth(both, posts, status, [yes, no, yes, no, yes, yes])
  })

  await t.test('concurrencyLimit refuses what limit_conn does, and log: off logs nothing', async () => {
    for (const client of [both.limpet, both.nginx]) {
      const waiting = ['/held', '/held', '/slow', '/dry/held', '/dry/held'].map((path) => client.ask(path))
      await until(() => held.length === 5)
      assert.deepEqual(await answersOf(client, ['/other', '/slow'], status), [429, 503])
      for (const answer of held.splice(0)) answer()
      assert.deepEqual((await Promise.all(waiting)).map(status), [200, 200, 200, 200, 200])
      assert.deepEqual(await answersOf(client, ['/health', '/other'], status), [200, 200])
    }
    const lines = await both.programs.nginx.stop()
    assert.match(lines, /GET \/other /)
    assert.doesNotMatch(lines, /health/)
  })
})
