/** Users of two upstreams that have the same servers and one cookie. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { adminOf } from '../support/admin.ts'
import { Http2User } from '../support/http2-user.ts'
import { type ServingLimpet, startLimpet } from '../support/limpet.ts'
import { type Named, namedOrigins } from '../support/origin.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'

type Name = 'a' | 'b' | 'c'

interface Site {
  /** The pages, and what they ask by scripts: at other ports of the same machines. */
  readonly pages: Named<Name>
  readonly api: Named<Name>
}

const siteOf = async (t: TestContext): Promise<Site> => ({
  pages: await namedOrigins(t, 'a', 'b', 'c'),
  api: await namedOrigins(t, 'a', 'b', 'c'),
})

const config = ({ pages, api }: Site, affinityOfApi = '{ type: shared-cookie, with: web }') => `
  listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
  workers: 2
  routes: [{ path: /*, upstream: web }, { path: /api/*, upstream: api }]
  upstreams:
    web:
      affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
      servers:
        - { name: a, address: ${pages.a.address} }
        - { name: b, address: ${pages.b.address} }
        - { name: c, address: ${pages.c.address} }
    api:
      affinity: ${affinityOfApi}
      servers:
        - { name: other-name, id: c, address: ${api.c.address} }
        - { name: b, address: ${api.b.address} }
        - { name: a, address: ${api.a.address} }
`

/** The server that answers; it gets no cookie of Limpet's. */
async function serverOf(user: User, { port }: ServingLimpet, path: string): Promise<string> {
  const { status, body } = await user.get(port, path)
  assert.equal(status, 200)
  const [server, cookies] = body.split(' ')
  assert.equal(cookies, '-')
  return server!
}

/** Users who began on pages and in the API in turn, and their servers. */
async function arrive(limpet: ServingLimpet, count: number): Promise<Map<User, string>> {
  const users = new Map<User, string>()
  for (let index = 0; index < count; index++) {
    const user = new User()
    const [first, second] = index % 2 === 0 ? ['/', '/api/'] : ['/api/', '/']
    const server = await serverOf(user, limpet, first)
    assert.equal(await serverOf(user, limpet, second), server)
    users.set(user, server)
  }
  return users
}

async function stayTogether(users: ReadonlyMap<User, string>, limpet: ServingLimpet): Promise<void> {
  for (const [user, server] of users) {
    for (const path of ['/', '/api/']) assert.equal(await serverOf(user, limpet, path), server)
  }
}

/** The live sessions of each server. */
async function sessionsOf(limpet: ServingLimpet, upstream: string): Promise<Record<string, number>> {
  const { body } = await (await adminOf(limpet))('GET', `/v1/upstreams/${upstream}`)
  const servers = body.servers as { name: string; sessions: { live: number } }[]
  return Object.fromEntries(servers.map(({ name, sessions }) => [name, sessions.live]))
}

test('a user is on the same server in both, with one cookie, and counts in each', async (t) => {
  const limpet = await sharedLimpet(config(await siteOf(t)))
  const users = await arrive(limpet, 12)
  assert.equal(new Set(users.values()).size, 3)
  await stayTogether(users, limpet)
  for (const user of users.keys()) assert.deepEqual([...user.cookies.keys()], ['stick'])
  await limpet.log.matching(/ stuck$/, 36)
  const [user, server] = [...users][0]!
  const asked = { path: '/api/', cookies: { stick: user.cookies.get('stick') } }
  const { kind, words } = (await (await adminOf(limpet))('POST', '/v1/explain', asked)).body.session
  const name = server === 'c' ? 'other-name' : server
  assert.deepEqual([kind, words], ['shared-cookie', `a valid cookie, on server ${name}, shared with upstream web`])
  const on = (server: string) => [...users.values()].filter((name) => name === server).length
  const [a, b, c] = [on('a'), on('b'), on('c')]
  await until(async () => isDeepStrictEqual(await sessionsOf(limpet, 'web'), { a, b, c }))
  await until(async () => isDeepStrictEqual(await sessionsOf(limpet, 'api'), { a, b, 'other-name': c }))
})

test('so is one who speaks HTTP/2', async (t) => {
  const limpet = await sharedLimpet(config(await siteOf(t)))
  const client = Http2User.of(t, limpet.url)
  for (let index = 0; index < 4; index++) {
    const { body, fields } = await client.ask({ ':path': '/api/' })
    const cookie = String(fields['set-cookie']).split(';')[0]!
    for (const path of ['/', '/api/']) {
      const answer = await client.ask({ ':path': path, cookie: ['theme=dark', cookie] })
      assert.equal(answer.body.split(' ')[0], body.split(' ')[0])
      assert.equal(answer.fields['set-cookie'], undefined)
    }
  }
})

test('a session that one of them has to move has moved in both', async (t) => {
  const limpet = await startLimpet(t, config(await siteOf(t)))
  const users = await arrive(limpet, 6)
  const ask = await adminOf(limpet)
  for (const [upstream, path, other] of [
    ['web', '/', '/api/'],
    ['api', '/api/', '/'],
  ] as const) {
    assert.equal((await ask('PATCH', `/v1/upstreams/${upstream}/servers/a`, { admin: 'maintenance' })).status, 200)
    const lost = [...users].filter(([, server]) => server === 'a')
    assert.notEqual(lost.length, 0)
    for (const [user] of lost) {
      const server = await serverOf(user, limpet, path)
      assert.notEqual(server, 'a')
      users.set(user, server)
    }
    await stayTogether(users, limpet)
    assert.equal((await ask('PATCH', `/v1/upstreams/${upstream}/servers/a`, { admin: 'ready' })).status, 200)
    // Somebody begins on it again.
    for (const [user, server] of await arrive(limpet, 6)) users.set(user, server)
    await stayTogether(users, limpet)
    assert.ok(await serverOf([...users.keys()].at(-1)!, limpet, other))
  }
})

test('a drain in one of them keeps users there, those who began in the other included', async (t) => {
  const limpet = await startLimpet(t, config(await siteOf(t)))
  const before = await arrive(limpet, 6)
  const ask = await adminOf(limpet)
  assert.equal((await ask('PATCH', '/v1/upstreams/web/servers/a', { admin: 'drain' })).status, 200)
  await stayTogether(before, limpet)
  for (let index = 0; index < 6; index++) {
    const user = new User()
    assert.notEqual(await serverOf(user, limpet, '/'), 'a')
    const other = new User()
    const server = await serverOf(other, limpet, '/api/')
    assert.equal(await serverOf(other, limpet, '/'), server)
  }
})

test('users of the first stay where they are when the second begins to share its cookie, and after a restart', async (t) => {
  const site = await siteOf(t)
  const limpet = await startLimpet(t, config(site, 'cookie'))
  const users = new Map<User, string>()
  for (let index = 0; index < 6; index++) {
    const user = new User()
    users.set(user, await serverOf(user, limpet, '/'))
  }
  await writeFile(limpet.file, config(site))
  limpet.process.kill('SIGHUP')
  await limpet.errors.find(/generation 2: /)
  await stayTogether(users, limpet)
  const another = await startLimpet(t, config(site))
  await stayTogether(users, another)
})
