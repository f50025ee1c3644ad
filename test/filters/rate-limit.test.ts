/** The filter rateLimit, before a server that says what it got. Rates are so slow that no test waits for another request. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { type FilterClient, http1Client, mirrorOrigin, testBoth } from '../support/filtered.ts'
import { RawClient } from '../support/raw-client.ts'

const limited = (settings: object, path = '/*') => [{ path, filters: [{ rateLimit: { rate: '10/h', ...settings } }] }]

/** The statuses of as many requests, one after the other. */
async function statuses(client: FilterClient, count: number, headers: Record<string, string> = {}, path = '/') {
  const all: number[] = []
  while (all.length < count) all.push((await client.ask(path, { headers })).status)
  return all.join(' ')
}

/** Clients are whom `X-Forwarded-For` names. */
const behindProxy = { trustedProxies: ['127.0.0.1'] }

testBoth(
  'one request and the burst are served, and the next one is told when to come',
  limited({ burst: 2 }),
  async (client) => {
    assert.equal(await statuses(client, 3), '200 200 200')
    const { status, headers, body } = await client.ask('/', { headers: { Accept: 'application/json' } })
    assert.equal(status, 429)
    assert.equal(headers['retry-after'], '360')
    assert.equal(headers['ratelimit-policy'], '"10/h";q=10;w=3600')
    assert.equal(headers.ratelimit, '"10/h";r=0;t=360')
    const { error } = JSON.parse(body)
    assert.deepEqual([error.status, error.code], [429, 'rate-limited'])
  },
)

testBoth('without a burst, requests must come at the pace of the rate', limited({}), async (client) => {
  assert.equal(await statuses(client, 3), '200 429 429')
})

testBoth(
  'with headers: all, every response says how many more may come; a server’s own fields stay',
  limited({ burst: 2, headers: 'all', name: 'api' }),
  async (client) => {
    const seen: unknown[] = []
    for (let n = 0; n < 4; n++) {
      const { status, headers } = await client.ask('/', { headers: { 'X-Answer': '{"RateLimit":"\\"own\\";r=1"}' } })
      seen.push([status, headers['ratelimit-policy'], headers.ratelimit])
    }
    const policy = '"api";q=10;w=3600'
    assert.deepEqual(seen, [
      [200, policy, '"own";r=1, "api";r=2;t=360'],
      [200, policy, '"own";r=1, "api";r=1;t=720'],
      [200, policy, '"own";r=1, "api";r=0;t=1080'],
      [429, policy, '"api";r=0;t=360'],
    ])
  },
)

testBoth(
  'with headers: none and another status, that is all there is',
  limited({ headers: 'none', status: 503 }),
  async (client) => {
    assert.equal(await statuses(client, 1), '200')
    const { status, headers } = await client.ask('/')
    assert.deepEqual([status, headers['retry-after'], headers.ratelimit], [503, '360', undefined])
  },
)

testBoth(
  'clients are told apart by address: IPv6 by its first 64 bits',
  limited({}),
  async (client) => {
    const from = (address: string) => statuses(client, 1, { 'X-Forwarded-For': address })
    const addresses = [
      '192.0.2.1',
      '192.0.2.2',
      '2001:db8::1',
      '2001:db8:0:1::1',
      '192.0.2.1',
      '2001:db8::ffff:0:0:1',
      '::ffff:192.0.2.2',
    ]
    const all: string[] = []
    for (const address of addresses) all.push(await from(address))
    assert.deepEqual(all, ['200', '200', '200', '200', '429', '429', '429'])
  },
  {},
  behindProxy,
)

testBoth(
  'with ipv6Prefix: 128, each address of IPv6 counts by itself',
  limited({ ipv6Prefix: 128 }),
  async (client) => {
    const from = (address: string) => statuses(client, 1, { 'X-Forwarded-For': address })
    assert.deepEqual(
      [await from('2001:db8::1'), await from('2001:db8::2'), await from('2001:db8::1')],
      ['200', '200', '429'],
    )
  },
  {},
  behindProxy,
)

testBoth(
  'by a header: each value counts by itself, also long ones, and requests without it count together',
  limited({ by: 'header:X-Key' }),
  async (client) => {
    const long = 'k'.repeat(8000)
    const key = (value: string) => statuses(client, 1, { 'X-Key': value })
    assert.deepEqual([await key('a'), await key('b'), await key('a'), await key('A')], ['200', '200', '429', '200'])
    assert.deepEqual([await key(long), await key(`${long}l`), await key(long)], ['200', '200', '429'])
    assert.equal(await statuses(client, 2), '200 429')
    assert.equal(await key(''), '200', 'an empty value is one, too')
  },
)

testBoth(
  'with missing: pass, requests without the key are not limited',
  limited({ by: 'cookie:id', missing: 'pass' }),
  async (client) => {
    assert.equal(await statuses(client, 3), '200 200 200')
    assert.equal(await statuses(client, 2, { Cookie: 'id=a' }), '200 429')
    assert.equal(await statuses(client, 2, { Cookie: 'id=b' }), '200 429')
  },
)

testBoth(
  'a list counts by all of its parts together',
  limited({ by: ['client.address', 'header:X-Key'] }),
  async (client) => {
    const by = (address: string, key: string) => statuses(client, 1, { 'X-Forwarded-For': address, 'X-Key': key })
    assert.deepEqual(
      [await by('192.0.2.1', 'a'), await by('192.0.2.1', 'b'), await by('192.0.2.2', 'a'), await by('192.0.2.1', 'a')],
      ['200', '200', '200', '429'],
    )
  },
  {},
  behindProxy,
)

testBoth(
  'each route counts by itself, those of defaults together unless they are by route, and those of one name together',
  [
    { path: '/a/*', filters: [{ rateLimit: { rate: '10/h', by: 'header:X-Key' } }] },
    { path: '/b/*', filters: [{ rateLimit: { rate: '10/h', by: 'header:X-Key' } }] },
    { path: ['/c/*', '/d/*'], filters: [{ rateLimit: { rate: '10/h', by: 'route' } }] },
    { path: '/e/*', filters: [{ rateLimit: { rate: '10/h', by: 'header:X-Key', name: 'shared' } }] },
    { path: '/f/*', filters: [{ rateLimit: { rate: '10/h', by: 'header:X-Key', name: 'shared' } }] },
  ],
  async (client) => {
    const once = (path: string, key: string) => statuses(client, 1, { 'X-Key': key }, path)
    assert.deepEqual([await once('/a/', '1'), await once('/b/', '1'), await once('/a/', '1')], ['200', '200', '429'])
    assert.deepEqual([await once('/c/', '1'), await once('/d/', '2')], ['200', '429'])
    assert.deepEqual([await once('/e/', '1'), await once('/f/', '1'), await once('/f/', '2')], ['200', '429', '200'])
  },
)

testBoth(
  'a limit of defaults counts all routes together, or each if it is by route',
  [{ path: '/a/*' }, { path: '/b/*' }],
  async (client) => {
    assert.equal(await statuses(client, 1, {}, '/a/'), '200')
    assert.equal(await statuses(client, 1, {}, '/b/'), '200')
    const state = async (path: string) => (await client.ask(path)).headers.ratelimit
    assert.equal(await state('/a/'), '"2/h";r=0;t=1800')
    // The first limit has counted the three before.
    assert.equal(await state('/b/'), '"5/h";r=0;t=720')
  },
  {},
  {
    defaults: {
      filters: [{ rateLimit: { rate: '5/h', burst: 2 } }, { rateLimit: { rate: '2/h', by: 'route' } }],
    },
  },
)

testBoth(
  'what only would be refused is served, and counts for nothing',
  [{ path: '/*', filters: [{ rateLimit: { rate: '10/h', dryRun: true } }] }],
  async (client) => {
    assert.equal(await statuses(client, 5), '200 200 200 200 200')
  },
)

test('by session: users of one address are told apart by Limpet’s cookie, and forged ones count together', async (t) => {
  const client = await served(t, { by: 'session' }, 'affinity: cookie,')
  const first = await client.ask('/')
  const cookie = String(first.headers['set-cookie']).split(';')[0]!
  assert.equal(first.status, 200)
  assert.equal((await client.ask('/')).status, 429, 'without a session')
  assert.equal(await statuses(client, 2, { Cookie: cookie }), '200 429')
  const name = cookie.split('=')[0]!
  const forged = () => ({ Cookie: `${name}=${randomBytes(20).toString('base64url')}` })
  assert.equal(await statuses(client, 1, forged()), '429')
  assert.equal(await statuses(client, 1, forged()), '429')
})

test('a limit goes on where it was when another route changes, and when its own settings change', async (t) => {
  const origin = await mirrorOrigin(t)
  const config = (other: string, burst: number) => ({
    routes: [
      { path: '/a/*', upstream: 'app', filters: [{ rateLimit: { rate: '10/h', burst } }] },
      { path: other, upstream: 'app', filters: [{ headers: { request: { set: { 'X-A': other } } } }] },
    ],
    upstreams: { app: { servers: [origin.address] } },
  })
  const plane = await startDataPlane(t, config('/b/*', 1))
  const client = http1Client(t, plane.port)
  assert.equal(await statuses(client, 1, {}, '/a/'), '200')
  await plane.apply(config('/c/*', 1))
  assert.equal(await statuses(client, 2, {}, '/a/'), '200 429')
  await plane.apply(config('/c/*', 3))
  assert.equal(await statuses(client, 3, {}, '/a/'), '200 200 429')
})

async function served(t: TestContext, limit: object, upstream = ''): Promise<FilterClient> {
  const origin = await mirrorOrigin(t)
  const filters = JSON.stringify([{ rateLimit: { rate: '10/h', ...limit } }])
  const { port } = await startDataPlane(
    t,
    `
    listeners: [{ h2c: true }]
    routes: [{ path: /*, upstream: app, filters: ${filters} }]
    upstreams: { app: { ${upstream} servers: ['${origin.address}'] } }
  `,
  )
  return http1Client(t, port)
}

testBoth(
  'each host may have a limit of its own, whatever the protocol calls it',
  [{ path: '/*', filters: [{ rateLimit: { rate: '1/h', by: 'header:host', missing: 'pass' } }] }],
  async (client) => {
    const statuses: number[] = []
    for (const host of ['a.example', 'a.example', 'b.example']) statuses.push((await client.ask('/', { host })).status)
    assert.deepEqual(statuses, [200, 429, 200])
  },
)

testBoth(
  'who sends the header of a limit several times does not escape it',
  limited({ by: 'header:X-Key', missing: 'pass' }),
  async (client) => {
    const repeated = async (first: string) => (await client.ask('/', { headers: { 'X-Key': [first, 'real'] } })).status
    assert.deepEqual([await repeated('made up 1'), await repeated('made up 2')], [200, 429])
    assert.equal(await statuses(client, 2, { 'X-Key': 'real' }), '200 429')
    assert.equal(await statuses(client, 2), '200 200')
  },
)

testBoth(
  'clients that no trusted proxy vouches for are whom they are, whatever they say',
  limited({}),
  async (client) => {
    const forwarded = (n: number) => ({
      'X-Forwarded-For': `192.0.2.${n}`,
      Forwarded: `for=192.0.2.${n}`,
      'X-Real-IP': `192.0.2.${n}`,
    })
    assert.equal(await statuses(client, 1, forwarded(1)), '200')
    assert.equal(await statuses(client, 1, forwarded(2)), '429')
  },
)

test('10,000 keys over sockets: each is served once, and none takes the place of another', async (t) => {
  const KEYS = 10_000
  const { port } = await startDataPlane(t, {
    routes: [
      {
        path: '/*',
        filters: [
          { rateLimit: { rate: '1/d', by: ['header:X-Key', 'client.address'], headers: 'none' } },
          { respond: { status: 204 } },
        ],
      },
    ],
    upstreams: { app: { servers: ['127.0.0.1:9'] } },
  })
  /** How often each status is answered to one request of each key, which one connection sends without a pause. */
  const asked = async () => {
    const client = await RawClient.connect(t, port)
    for (let key = 0; key < KEYS; key++)
      client.say(
        `GET / HTTP/1.1\r\nHost: a\r\nX-Key: ${randomKeys[key]}\r\n${key === KEYS - 1 ? 'Connection: close\r\n' : ''}\r\n`,
      )
    const counts: Record<string, number> = {}
    for (const [, status] of (await client.goodbye()).matchAll(/HTTP\/1\.1 (\d+) /g))
      counts[status!] = (counts[status!] ?? 0) + 1
    return counts
  }
  const randomKeys = Array.from({ length: KEYS }, () => randomBytes(8).toString('hex'))
  assert.deepEqual(await asked(), { 204: KEYS })
  assert.deepEqual(await asked(), { 429: KEYS })
})
