import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type ServingDataPlane, startDataPlane } from '../support/data-plane.ts'
import { type Ask, type FilterClient, http1Client, http2Client } from '../support/filtered.ts'
import { namedOrigins } from '../support/origin.ts'

type Connect = (t: TestContext, port: number) => FilterClient

/** Declares a test for each protocol of clients. */
function both(name: string, check: (t: TestContext, connect: Connect) => Promise<void>): void {
  describe(name, () => {
    test('over HTTP/1.1', (t) => check(t, http1Client))
    test('over HTTP/2', (t) => check(t, http2Client))
  })
}

interface Site {
  readonly plane: ServingDataPlane
  /** Serves with that split from now on. */
  split(split: object): Promise<void>
}

/** A site whose route goes to `blue`, and is split. Each server answers with its name and the cookies that it sees. */
async function siteOf(t: TestContext, split: object, blue: object = {}): Promise<Site> {
  const origins = await namedOrigins(t, 'blue', 'green', 'red')
  const configOf = (split: object) => ({
    listeners: [{ h2c: true }],
    routes: [{ path: '/*', upstream: 'blue', filters: [{ split }] }],
    upstreams: {
      blue: { servers: [origins.blue.address], ...blue },
      green: { servers: [origins.green.address] },
      red: { servers: [origins.red.address] },
    },
  })
  const plane = await startDataPlane(t, configOf(split))
  return { plane, split: (next) => plane.apply(configOf(next)) }
}

interface Visit {
  readonly server: string
  /** What the server saw of cookies. */
  readonly seen: string
  /** NAME=VALUE of the cookie that came back, and all of the field. */
  readonly cookie: string | undefined
  readonly field: string
}

async function visit(client: FilterClient, headers: Ask['headers'] = {}, path = '/'): Promise<Visit> {
  const { body, headers: answered } = await client.ask(path, { headers })
  const [server = '', ...seen] = body.split(' ')
  const field = answered['set-cookie']?.[0] ?? ''
  return { server, seen: seen.join(' '), cookie: field.split(';')[0] || undefined, field }
}

both('a user keeps the cohort, and the share grows without moving anybody back', async (t, connect) => {
  const site = await siteOf(t, { to: { green: '25%' } })
  const client = connect(t, site.plane.port)
  const users = await Promise.all(Array.from({ length: 100 }, () => visit(client)))
  assert.equal(users.filter(({ server }) => server === 'green').length, 25)
  const [first] = users
  assert.match(first!.field, /^limpet-[0-9a-f]{6}=\d{4}; Path=\/; Max-Age=34560000; HttpOnly; SameSite=Lax$/)
  const again = () => Promise.all(users.map(({ cookie }) => visit(client, { Cookie: `a=1; ${cookie}; b=2` })))
  for (const [user, { server, seen, cookie }] of (await again()).entries()) {
    assert.equal(server, users[user]!.server)
    assert.equal(seen, 'a=1; b=2', 'servers do not get the cookie')
    assert.equal(cookie, undefined, 'it is set once')
  }
  let before = users.map(({ server }) => server)
  for (const [share, expected] of [
    ['50%', 50],
    ['100%', 100],
    ['25%', 25],
    ['0%', 0],
  ] as const) {
    await site.split({ to: { green: share } })
    const now = (await again()).map(({ server }) => server)
    assert.equal(now.filter((server) => server === 'green').length, expected)
    const moved = expected > 25 ? 'blue' : 'green'
    assert.ok(now.every((server, user) => server === before[user] || before[user] === moved))
    before = now
  }
})

both('a cookie that says nothing sensible is replaced', async (t, connect) => {
  const site = await siteOf(t, { to: { green: '50%' } })
  const client = connect(t, site.plane.port)
  const { cookie } = await visit(client)
  const name = cookie!.split('=')[0]!
  for (const value of ['', '0', '00000', '-001', '0x10', 'green', '12 4', '１２３４', 'é'.repeat(2000), '99999999'])
    assert.match((await visit(client, { Cookie: Buffer.from(`${name}=${value}`).toString('latin1') })).field, /=\d{4};/)
  const { server, cookie: another } = await visit(client, { Cookie: `${name}=x; ${name}=0000; ${name}=9999` })
  assert.equal(server, 'green', 'the first valid one counts')
  assert.equal(another, undefined)
  assert.equal((await visit(client, { Cookie: `${name}=9999` })).server, 'blue')
})

both('a request may name its upstream, which does not change its cohort', async (t, connect) => {
  const site = await siteOf(t, {
    to: { green: '50%', red: '0%' },
    override: ['header:X-Cohort', 'cookie:cohort', 'query:c'],
  })
  const client = connect(t, site.plane.port)
  const { cookie } = await visit(client)
  const name = cookie!.split('=')[0]!
  const isGreen = { Cookie: `${name}=0000` }
  assert.equal((await visit(client, { ...isGreen, 'X-Cohort': 'red' })).server, 'red')
  assert.equal((await visit(client, { ...isGreen, 'X-Cohort': 'blue' })).server, 'blue')
  assert.equal((await visit(client, { Cookie: `cohort=red; ${name}=0000` })).server, 'red')
  assert.equal((await visit(client, isGreen, '/?c=red')).server, 'red')
  assert.equal((await visit(client, { ...isGreen, 'X-Cohort': 'nonsense' }, '/?c=red')).server, 'red')
  assert.equal((await visit(client, { ...isGreen, 'X-Cohort': 'toString' })).server, 'green')
  assert.equal((await visit(client, isGreen)).server, 'green')
  assert.equal((await visit(client, { 'X-Cohort': 'red' })).cookie, undefined, 'it has no cohort yet')
})

both('users with a session stay where they have it, if only new ones are split', async (t, connect) => {
  const site = await siteOf(t, { to: { green: '0%' }, only: 'new' }, { affinity: { type: 'cookie', name: 'sid' } })
  const client = connect(t, site.plane.port)
  const { headers } = await client.ask('/')
  const session = headers['set-cookie']!.find((field) => field.startsWith('sid='))!.split(';')[0]!
  await site.split({ to: { green: '100%' }, only: 'new' })
  assert.equal((await visit(client, { Cookie: session })).server, 'blue')
  assert.equal((await visit(client, { Cookie: 'sid=forged' })).server, 'green')
  assert.equal((await visit(client)).server, 'green')
  await site.split({ to: { green: '100%' } })
  assert.equal((await visit(client, { Cookie: session })).server, 'green')
})

both('sessions that a key names count once they are known', async (t, connect) => {
  const affinity = { type: 'header', name: 'X-Room' }
  const site = await siteOf(t, { to: { green: '0%' }, only: 'new' }, { affinity })
  const client = connect(t, site.plane.port)
  assert.equal((await visit(client, { 'X-Room': 'old' })).server, 'blue')
  await site.split({ to: { green: '100%' }, only: 'new' })
  assert.equal((await visit(client, { 'X-Room': 'old' })).server, 'blue')
  assert.equal((await visit(client, { 'X-Room': 'new' })).server, 'green')
})

both('each request for itself, exactly', async (t, connect) => {
  const site = await siteOf(t, { to: { green: '20%', red: '30%' }, by: 'request' })
  const client = connect(t, site.plane.port)
  const visits = await Promise.all(Array.from({ length: 200 }, () => visit(client)))
  const count = (name: string) => visits.filter(({ server }) => server === name).length
  assert.deepEqual([count('green'), count('red'), count('blue')], [40, 60, 100])
  assert.ok(visits.every(({ cookie }) => cookie === undefined))
})

both('keys decide, and a request without one stays', async (t, connect) => {
  const site = await siteOf(t, { to: { green: '50%' }, by: 'header:X-User' })
  const client = connect(t, site.plane.port)
  const places = new Map<string, string>()
  for (let user = 0; user < 40; user++) {
    const { server, cookie } = await visit(client, { 'X-User': `user-${user}` })
    assert.equal(cookie, undefined)
    places.set(`user-${user}`, server)
  }
  assert.deepEqual(new Set(places.values()), new Set(['blue', 'green']))
  for (const [user, server] of places) assert.equal((await visit(client, { 'X-User': user })).server, server)
  assert.equal((await visit(client)).server, 'blue')
  assert.equal((await visit(client, { 'X-User': '' })).server, 'blue')
  await site.split({ to: { green: '100%' }, by: 'client.address' })
  assert.equal((await visit(client)).server, 'green')
})

test('an upstream that is gone serves nobody of its cohort any more', async (t) => {
  const { blue, green } = await namedOrigins(t, 'blue', 'green')
  const route = { path: '/*', upstream: 'blue' }
  const upstreams = { aside: { servers: [green.address] }, blue: { servers: [blue.address] } }
  const split = { to: { green: '100%' } }
  const plane = await startDataPlane(t, {
    routes: [{ ...route, filters: [{ split }] }],
    upstreams: { green: { servers: [green.address] }, ...upstreams },
  })
  const client = http1Client(t, plane.port)
  const { server, cookie } = await visit(client)
  assert.equal(server, 'green')
  // The upstreams of the Snapshot have other indices now.
  await plane.apply({ routes: [{ ...route, filters: [{ split: { to: { aside: '0%' } } }] }], upstreams })
  assert.equal((await visit(client, { Cookie: cookie! })).server, 'blue')
  await plane.apply({ routes: [route], upstreams })
  assert.equal((await visit(client, { Cookie: cookie! })).server, 'blue')
})

test("a split of all routes is that of each route's own upstream", async (t) => {
  const { blue, red, green } = await namedOrigins(t, 'blue', 'red', 'green')
  const plane = await startDataPlane(t, {
    defaults: { filters: [{ split: { to: { green: '50%' } } }] },
    routes: [
      { path: '/blue', upstream: 'blue' },
      { path: '/red', upstream: 'red' },
    ],
    upstreams: {
      blue: { servers: [blue.address] },
      red: { servers: [red.address] },
      green: { servers: [green.address] },
    },
  })
  const client = http1Client(t, plane.port)
  const one = await visit(client, {}, '/blue')
  const other = await visit(client, {}, '/red')
  assert.notEqual(one.cookie!.split('=')[0], other.cookie!.split('=')[0])
  const name = other.cookie!.split('=')[0]!
  assert.equal((await visit(client, { Cookie: `${name}=9999` }, '/red')).server, 'red')
  assert.equal((await visit(client, { Cookie: `${name}=0000` }, '/red')).server, 'green')
})
