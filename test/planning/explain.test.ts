/** `explain` says where a request would go; the request then goes there. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Explanation, Query } from '../../src/planning/answers.ts'
import { explain } from '../../src/planning/explain.ts'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Snapshot } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { snapshotOf } from '../support/snapshot.ts'
import { Site, startApp, Visitor } from './population.ts'

const CONFIG = `
listeners: [{ port: 8080 }]
routes:
  - { host: shop.example.org, path: /*, upstream: shop }
  - { path: /api/*, methods: [GET, POST], headers: { x-version: "2" }, upstream: api }
  - { path: /old/*, upstream: api }
upstreams:
  shop:
    affinity: cookie
    servers:
      - { name: shop-1, address: "10.0.0.1:80" }
      - { name: shop-2, address: "10.0.0.2:80", drain: true }
      - { name: shop-3, address: "10.0.0.3:80", down: true }
      - { name: shop-4, address: "10.0.0.4:80", backup: true }
  api:
    balance: ip-hash
    servers: ["10.0.1.1:80", "10.0.1.2:80"]
`

async function asking(test: TestContext, config = CONFIG) {
  const snapshot = await snapshotOf(test, config)
  const scene = { snapshot, scoreboard: new Scoreboard(), sessions: new SessionTable() }
  return { scene, ask: (query: Query) => explain(scene, query) }
}

describe('the listener that a request comes by', () => {
  const SITE = `
listeners:
  - { port: 80, redirect: https }
  - { address: "::1", port: 8080, redirect: "https:8443" }
  - { port: 8443, tls: TLS }
  - { port: 443, tls: TLS }
  - { address: "unix:/run/limpet.sock" }
routes:
  - { host: shop.example.org, path: /*, upstream: app }
upstreams: { app: { servers: [{ name: one, address: "10.0.0.1:80" }] } }
`.replaceAll('TLS', '{ acme: { email: ops@example.org } }')
  const served = 'goes to server one of upstream app, chosen by round-robin: new'
  const redirected = (listener: string, location: string) => `redirected to https by listener ${listener}: ${location}`
  const plain = { path: '/cart?id=1', host: 'shop.example.org' }
  const cases: [what: string, query: Query, summary: string, status: number | null, listener: string | undefined][] = [
    ['none that is named, and no URL', plain, served, null, undefined],
    [
      'that of an URL with http',
      { path: 'http://shop.example.org/cart?id=1' },
      redirected('0.0.0.0:80', 'https://shop.example.org/cart?id=1'),
      301,
      '0.0.0.0:80',
    ],
    [
      'that of its port, for a request that must stay a POST',
      { path: 'http://shop.example.org:8080', method: 'POST' },
      redirected('[::1]:8080', 'https://shop.example.org:8443/'),
      308,
      '[::1]:8080',
    ],
    ['that of an URL with https', { path: 'HTTPS://shop.example.org/' }, served, null, '0.0.0.0:443'],
    ['that of https and its port', { path: 'https://shop.example.org:8443/a?b' }, served, null, '0.0.0.0:8443'],
    ['one that something in front maps', { path: 'http://shop.example.org:8888/' }, served, null, undefined],
    ['no listener of the other scheme', { path: 'http://shop.example.org:443/' }, served, null, undefined],
    [
      'one that is named by its port',
      { ...plain, listener: '80' },
      redirected('0.0.0.0:80', 'https://shop.example.org/cart?id=1'),
      301,
      '0.0.0.0:80',
    ],
    [
      'one behind a proxy that says https',
      { ...plain, listener: '0.0.0.0:80', secure: true },
      served,
      null,
      '0.0.0.0:80',
    ],
    ['a socket', { ...plain, listener: 'unix:/run/limpet.sock' }, served, null, 'unix:/run/limpet.sock'],
    [
      'one that redirects what names no host',
      { path: '/', listener: '80' },
      'listener 0.0.0.0:80 answers 400: The request is malformed: it names no host',
      400,
      '0.0.0.0:80',
    ],
  ]
  for (const [what, query, summary, status, listener] of cases) {
    test(what, async (t) => {
      const { ask } = await asking(t, SITE)
      const explanation = await ask(query)
      assert.deepEqual([explanation.summary, explanation.status, explanation.listener], [summary, status, listener])
      assert.equal(explanation.server, summary === served ? 'one' : null)
    })
  }

  test('must be one', async (t) => {
    const { ask } = await asking(t, SITE)
    await assert.rejects(
      ask({ ...plain, listener: '81' }),
      new RangeError(
        'expected a listener (0.0.0.0:80, [::1]:8080, 0.0.0.0:8443, 0.0.0.0:443, unix:/run/limpet.sock) or the port of one, found "81"',
      ),
    )
  })
})

describe('an explanation', () => {
  test('names the route and its conditions, the candidates with their refusals, the choice and the reason', async (t) => {
    const { scene, ask } = await asking(t)
    const { slot } = scene.snapshot.upstreams[0]!.servers[0]!
    const { summary, route, upstream, session, candidates, server, reason, status } = await ask({
      path: '/cart/../basket?id=1',
      host: 'Shop.Example.org:80',
    })
    assert.equal(summary, 'goes to server shop-1 of upstream shop, chosen by round-robin: new')
    assert.equal(route?.host, 'shop.example.org')
    assert.deepEqual(route?.because, ['the host shop.example.org is shop.example.org', 'the path /basket is below /'])
    assert.deepEqual(upstream, { name: 'shop', balance: 'round-robin', affinity: 'cookie' })
    assert.deepEqual([session?.kind, session?.standing, session?.server], ['cookie', 'new', null])
    assert.deepEqual(
      candidates.map(({ server, refusal, words }) => [server, refusal, words]),
      [
        ['shop-1', null, 'may serve'],
        ['shop-2', 'drained', 'drains: it takes no new sessions'],
        ['shop-3', 'down', 'is disabled by the operator'],
        ['shop-4', null, 'may serve if no other server may: it is a backup'],
      ],
    )
    assert.deepEqual([server, reason, status], ['shop-1', 'new', null])
    scene.scoreboard.servers.setHealth(slot, HealthBit.Unhealthy)
    const ill = await ask({ path: '/', host: 'shop.example.org' })
    assert.equal(ill.candidates[0]!.words, 'is down by its checks')
    assert.equal(ill.server, 'shop-4')
  })

  test('says what the closest routes require if none matches', async (t) => {
    const { ask } = await asking(t)
    const closest = async (query: Query) => {
      const { status, closest } = await ask(query)
      assert.equal(status, 404)
      return closest
    }
    assert.deepEqual(await closest({ path: '/api/x', method: 'DELETE' }), [
      'the route for /api/* needs the method GET or POST and the header x-version: 2',
    ])
    assert.deepEqual(await closest({ path: '/cart' }), [
      'the route for shop.example.org/* is for the host shop.example.org',
    ])
    assert.equal((await ask({ path: '/api/x', headers: { 'X-Version': '2' } })).upstream?.name, 'api')
  })

  test('says what Limpet answers itself', async (t) => {
    const { ask } = await asking(t)
    const answer = async (query: Query) => {
      const { status, summary } = await ask(query)
      return `${status} ${summary}`
    }
    assert.match(await answer({ path: '/a/../../b' }), /^400 .*climbs above its root/)
    assert.match(await answer({ path: '/', headers: { x: 'a\r\nb: c' } }), /^400 .*line break/)
    assert.match(await answer({ path: '/ /' }), /^400/)
    assert.equal(await answer({ path: '/old?a=b' }), '301 redirects to /old/?a=b')
    await assert.rejects(ask({ path: '/', ip: 'here' }), /expected an IPv4 or IPv6 address as ip, found "here"/)
  })

  test('says what a request would wait for', async (t) => {
    const limited = CONFIG.replace('"10.0.0.1:80" }', '"10.0.0.1:80", maxConnections: 1 }').replace(
      'backup: true',
      'down: true',
    )
    const { scene } = await asking(t, limited)
    const summary = async (snapshot: Snapshot) =>
      (await explain({ ...scene, snapshot }, { path: '/', host: 'shop.example.org' })).summary
    const { snapshot, scoreboard } = scene
    scoreboard.servers.acquire(snapshot.upstreams[0]!.servers[0]!.slot, 0, 0)
    assert.equal(await summary(snapshot), 'waits in the queue of upstream shop for a place on any server')
    const pause = { until: Date.now() + 60_000 }
    const upstreams = snapshot.upstreams.map((upstream) => ({ ...upstream, pause }))
    assert.equal(
      await summary({ ...snapshot, upstreams }),
      'waits in the queue of upstream shop for the end of its pause',
    )
  })

  test('has neither a cookie nor a key in it', async (t) => {
    const { ask } = await asking(t, CONFIG.replace('affinity: cookie', 'affinity: { type: header, name: x-user }'))
    const text = JSON.stringify(
      await ask({ path: '/', host: 'shop.example.org', headers: { 'x-user': 'alice' }, cookies: { id: 'a-secret' } }),
    )
    assert.doesNotMatch(text, /alice|a-secret/)
    assert.match(text, /its key belongs to server/)
  })

  test('changes and counts nothing', async (t) => {
    const { scene, ask } = await asking(t)
    const before = [scene.scoreboard.memory, scene.sessions.memory].map((memory) => Buffer.from(Buffer.from(memory)))
    for (const path of ['/', '/old/', '/api/']) await ask({ path, host: 'shop.example.org' })
    assert.ok(before[0]!.equals(Buffer.from(scene.scoreboard.memory)))
    assert.ok(before[1]!.equals(Buffer.from(scene.sessions.memory)))
  })
})

test('a request goes where its explanation says, for the reason that it gives', async (t) => {
  const port = await startApp(t)
  const affinities = [
    'cookie',
    { type: 'learn', from: 'header:x-session' },
    { type: 'header', name: 'x-user' },
    undefined,
  ]
  const design = fc.record({
    affinity: fc.constantFrom(...affinities),
    balance: fc.constantFrom('round-robin', 'ip-hash', { type: 'consistent-hash', key: 'header:x-user' }),
    servers: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd'),
        weight: fc.integer({ min: 1, max: 4 }),
        down: fc.boolean(),
        drain: fc.constantFrom(false, true, 'move', 'refuse'),
      }),
      { minLength: 1, maxLength: 4, selector: ({ name }) => name },
    ),
  })
  const configOf = ({
    affinity,
    balance,
    servers,
  }: typeof design extends fc.Arbitrary<infer Value> ? Value : never) => ({
    listeners: [{ address: '127.0.0.1', port: 8080 }],
    trustedProxies: ['127.0.0.1'],
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: {
        balance,
        ...(affinity !== undefined && { affinity }),
        servers: servers.map((server) => ({ ...server, address: `127.0.0.1:${port}` })),
      },
    },
  })
  await fc.assert(
    fc.asyncProperty(design, design, async (first, second) => {
      const site = new Site(configOf(first))
      await site.listen()
      try {
        const users = Array.from({ length: 8 }, (_, index) => new Visitor(`10.${index}.1.1`, `user ${index}`))
        const visitAll = async () => {
          for (const user of users) {
            const { 'x-forwarded-for': ip, ...headers } = user.headers
            const expected: Explanation = await explain(site, { path: '/', headers, ip: ip! })
            const { server, status, reason } = await site.visit(user)
            assert.deepEqual([expected.server ?? '', expected.reason ?? undefined], [server, reason])
            if (expected.server === null) assert.equal(expected.status, status)
            else assert.equal(expected.candidates.find((each) => each.server === server)?.refusal, null)
          }
        }
        await visitAll()
        site.apply(site.compile(configOf({ ...second, affinity: first.affinity })))
        await visitAll()
      } finally {
        site.close()
      }
    }),
    { numRuns: 40 },
  )
})

test('a server that is away is said to be, and requests that only it can serve wait', async (t) => {
  const snapshot = await snapshotOf(t, CONFIG.replace(', drain: true', ''))
  const awayAre = (...names: readonly string[]) => {
    const upstreams = snapshot.upstreams.map((upstream) => ({
      ...upstream,
      servers: upstream.servers.map((server) => ({
        ...server,
        ...(names.includes(server.name) && { away: true as const }),
      })),
    }))
    const scene = { snapshot: { ...snapshot, upstreams }, scoreboard: new Scoreboard(), sessions: new SessionTable() }
    return explain(scene, { path: '/', host: 'shop.example.org' })
  }
  const one = await awayAre('shop-1')
  assert.deepEqual([one.server, one.candidates[0]!.refusal], ['shop-2', 'away'])
  assert.match(one.candidates[0]!.words, /^is away/)
  const all = await awayAre('shop-1', 'shop-2', 'shop-4')
  assert.match(all.summary, /^waits in the queue of upstream shop/)
})

describe('an explanation says what the route requires, and which would come next', () => {
  const SITE = `
listeners: [{ name: inside, port: 8080 }, { port: 80 }]
routes:
  - { path: /*, upstream: app }
  - { path: /app*, upstream: app }
  - { path: /app/:room, upstream: app }
  - { path: /app/lobby, upstream: app }
  - { path: "~ ^/app/(?<id>[0-9]+)$", upstream: app }
  - { path: /app/lobby, query: { v: "1" }, cookies: { c: "secret" }, upstream: app }
  - { path: /app/lobby, priority: 1, listener: inside, clientCertificate: false, upstream: app }
  - { path: /api/*, host: "*.example.org", methods: [GET], upstream: app }
  - { path: /api/*, host: .example.org, upstream: app }
  - { path: "~ ^/[0-9]", upstream: app }
upstreams: { app: { servers: ["10.0.0.1:80"] } }
`
  const cases: [query: Query, because: RegExp, before: RegExp | undefined][] = [
    [{ path: '/x' }, /the path \/x is below \//, undefined],
    [{ path: '/7' }, /the path \/7 matches ~ \^\/\[0-9\]/, /^the route for \/\*: it covers less of the path$/],
    [{ path: '/apple' }, /the path \/apple begins with \/app/, /^the route for \/\*: it covers less of the path$/],
    [{ path: '/app/7' }, /the path \/app\/7 is \/app\/:room/, /^the route for ~ .*: it is no exact path$/],
    [{ path: '/app/lobby' }, /the path is \/app\/lobby/, /:room: its path has a parameter where the other has none$/],
    [
      { path: '/app/lobby?v=1', cookies: { c: 'secret' } },
      /the parameter v in its query; the request has the cookie c/,
      /^the route for \/app\/lobby: it has fewer conditions$/,
    ],
    [
      { path: '/app/lobby?v=1', cookies: { c: 'secret' }, listener: '8080' },
      /the listener inside; the request has no client certificate/,
      /^the route for \/app\/lobby: its priority is lower, 0$/,
    ],
    [{ path: '/api/x', host: 'a.example.org' }, /the method GET/, /it has no methods$/],
    [
      { path: '/api/x', host: 'example.org' },
      /the host example.org is example.org/,
      /^the route for \/\*: it is for any host$/,
    ],
  ]
  for (const [query, because, before] of cases) {
    test(`${query.host ?? ''}${query.path} ${query.listener ?? ''}`, async (t) => {
      const { ask } = await asking(t, SITE)
      const { route } = await ask(query)
      assert.match(route!.because.join('; '), because)
      if (before === undefined) assert.equal(route!.before, undefined)
      else assert.match(route!.before!, before)
      assert.doesNotMatch(JSON.stringify(route), /secret/)
    })
  }

  test('a request that no route matches is told what the closest require', async (t) => {
    const { ask } = await asking(
      t,
      SITE.replace('- { path: /*, upstream: app }', '- { path: /none, query: { q: "1" }, upstream: app }'),
    )
    assert.deepEqual((await ask({ path: '/none' })).closest, ['the route for /none needs the parameter q in its query'])
  })
})
