/** Users who are kept on their server by a cookie that Limpet issues. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket, WebSocketServer } from 'ws'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { type Named, namedOrigin, namedOrigins, type Origin } from '../support/origin.ts'
import { assertAllKept, serverOf, settledUsers } from '../support/settled.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { User } from '../support/user.ts'

/** One server, `a`. */
const one = (a: Origin) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
      servers: [{ name: a, address: ${a.address} }]
`

const two = ({ a, b }: Named<'a' | 'b'>, secret = 'the same secret in every replica') => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: cookie, name: stick, secrets: [${secret}] }
      servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
`

const three = ({ a, b, c }: Named<'a' | 'b' | 'c'>) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
      servers:
        - { name: a, address: ${a.address} }
        - { name: b, address: ${b.address} }
        - { name: c, address: ${c.address} }
`

describe('a cookie', () => {
  test('is set once, only for its user, and never reaches the server', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b', 'c')
    const limpet = await sharedLimpet(three(servers))
    const user = new User()
    user.cookies.set('other', '1')
    const first = await user.get(limpet.port)
    assert.match(first.setCookies.join(), /^stick=[\w-]{55}; Path=\/; HttpOnly; SameSite=Lax$/)
    assert.equal(first.headers['cache-control'], 'private')
    user.cookies.set('third', '3')
    for (let i = 0; i < 5; i++) {
      const next = await user.get(limpet.port)
      assert.equal(next.body, `${first.body.split(' ')[0]} other=1; third=3`)
      assert.deepEqual(next.setCookies, [])
      assert.equal(next.headers['cache-control'], undefined)
    }
    await limpet.log.matching(/ new$/, 1)
    await limpet.log.matching(/ stuck$/, 5)
  })

  test('is removed wherever it stands, together with the field if it is the only one', async (t) => {
    const limpet = await sharedLimpet(one(await namedOrigin(t, 'a')))
    const user = new User()
    await user.get(limpet.port)
    const own = user.cookie
    const seen = async (cookie: string) => (await new User().get(limpet.port, '/', { Cookie: cookie })).body
    assert.equal(await seen(own), 'a -')
    assert.equal(await seen(`${own}; x=1`), 'a x=1')
    assert.equal(await seen(`x=1;${own};y=2;`), 'a x=1; y=2')
    assert.equal(await seen(`${own}; ${own}; x="a b"`), 'a x="a b"')
    assert.equal(await seen(`x=1; stick="${user.cookies.get('stick')}"`), 'a x=1')
    assert.equal(await seen('stickier=1; xstick=2; flag'), 'a stickier=1; xstick=2; flag')
  })

  test('does not reach the servers of other upstreams either', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      routes:
        - { path: /*, upstream: app }
        - { path: /other/*, upstream: other }
      upstreams:
        app: { affinity: { type: cookie, name: stick }, servers: [${a.address}] }
        other: { servers: [${b.address}] }
    `
    const limpet = await sharedLimpet(config)
    const user = new User()
    user.cookies.set('app', '1')
    assert.equal((await user.get(limpet.port)).setCookies.length, 1)
    assert.equal((await user.get(limpet.port, '/other/')).body, 'b app=1')
  })

  test('that is forged, foreign or broken is replaced, and is never an error', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b')
    const limpet = await startLimpet(t, two(servers))
    const stranger = await startLimpet(t, two(servers, 'a secret that only this one has'))
    const foreign = new User()
    await foreign.get(stranger.port)
    for (const value of [foreign.cookies.get('stick')!, '', 'x', 'A'.repeat(55), 'é', '"', 'x'.repeat(5000)]) {
      const user = new User()
      const answer = await user.get(limpet.port, '/', { Cookie: `stick=${Buffer.from(value).toString('latin1')}` })
      assert.equal(answer.status, 200)
      assert.equal(answer.setCookies.length, 1)
      assert.equal(await serverOf(user, limpet), answer.body.split(' ')[0])
    }
    await limpet.log.matching(/ invalid$/, 7)
  })

  test('that is sent several times counts by its first valid value', async (t) => {
    const limpet = await sharedLimpet(two(await namedOrigins(t, 'a', 'b')))
    const user = new User()
    const home = await serverOf(user, limpet)
    for (const others of ['stick=old; ', 'stick=; stick=x; ', `stick=${'A'.repeat(55)}; stick="x"; stick=y; `]) {
      const answer = await new User().get(limpet.port, '/', { Cookie: `${others}${user.cookie}` })
      assert.deepEqual([answer.body, answer.setCookies], [`${home} -`, []])
    }
    await limpet.log.matching(/ stuck$/, 3)
    // Some clients put every value into quotes (RFC 6265 §4.1.1).
    const quoted = await new User().get(limpet.port, '/', { Cookie: `stick="${user.cookies.get('stick')}"` })
    assert.deepEqual([quoted.body, quoted.setCookies], [`${home} -`, []])
    // The number that is examined is bounded.
    await new User().get(limpet.port, '/', { Cookie: `${'stick=x; '.repeat(500)}${user.cookie}` })
    await limpet.log.find(/ invalid$/)
  })

  test('is valid in every replica with the same secret, and after a restart', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b', 'c')
    const first = await startLimpet(t, three(servers))
    const other = await startLimpet(t, three(servers))
    const users = await settledUsers(first, 30)
    assert.equal(new Set(users.values()).size, 3)
    await assertAllKept(users, other)
    await assertAllKept(users, first)
    await other.log.matching(/ stuck$/, 30)
  })

  test('stays with the name of a server that moves to another address', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b', 'c')
    const users = await settledUsers(await startLimpet(t, three(servers)), 30)
    const moved = await namedOrigins(t, 'a', 'c')
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
          servers:
            - { name: c, address: ${moved.c.address} }
            - { name: a, address: ${moved.a.address} }
            - { name: b, address: ${servers.b.address} }
    `
    await assertAllKept(users, await startLimpet(t, config))
  })

  test('is also set with the response that switches protocols', async (t) => {
    const a = await namedOrigin(t, 'a')
    const sockets = new WebSocketServer({ server: a.server as never })
    t.after(() => sockets.close())
    sockets.on('connection', (socket) => socket.send('hello'))
    const limpet = await sharedLimpet(one(a))
    const socket = new WebSocket(`ws://127.0.0.1:${limpet.port}/`)
    const upgrade = new Promise<string[]>((resolve) => {
      socket.on('upgrade', ({ headers }) => resolve(headers['set-cookie'] ?? []))
    })
    await new Promise((resolve) => socket.on('message', resolve))
    assert.match((await upgrade).join(), /^stick=[\w-]{55};/)
    socket.close()
  })
})

describe('without a configured secret, a cookie', () => {
  const config = ({ a, b }: Named<'a' | 'b'>) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, name: stick }
        servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
  `

  test('is valid until Limpet stops if there is no state directory, and the log says so', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b')
    const env = { STATE_DIRECTORY: fileURLToPath(import.meta.url) }
    const limpet = await startLimpet(t, config(servers), { env })
    await limpet.errors.find(/affinity has no secrets; one that lasts as long as this run serves/)
    assert.equal((await new User().get(limpet.port)).setCookies.length, 1)
  })

  test('is valid after a restart by a secret in the state directory, with a warning', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b')
    const env = { STATE_DIRECTORY: await temporaryFolder(t) }
    const first = await startLimpet(t, config(servers), { env })
    const users = await settledUsers(first, 10)
    const [, path] = await first.errors.find(/affinity has no secrets; (.*)\/secret serves, and other replicas need/)
    assert.equal(path, env.STATE_DIRECTORY)
    first.process.kill('SIGTERM')
    assert.equal(await first.exit, 0)
    await assertAllKept(users, await startLimpet(t, config(servers), { env }))
  })

  test('does without the secret in the state directory if that cannot be read, and leaves it there', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b')
    const state = await temporaryFolder(t)
    await mkdir(join(state, 'secret'))
    const limpet = await startLimpet(t, config(servers), { env: { STATE_DIRECTORY: state } })
    await assertAllKept(await settledUsers(limpet, 6), limpet)
    const troubles = limpet.errors.all.filter((line) => line.includes('cannot'))
    assert.match(troubles.join('\n'), /^.*WARN: cannot read .*\/secret: EISDIR.*$/)
  })

  test('replaces a secret in the state directory that is too short, with a warning', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b')
    const state = await temporaryFolder(t)
    await writeFile(join(state, 'secret'), 'too short\n')
    const first = await startLimpet(t, config(servers), { env: { STATE_DIRECTORY: state } })
    await first.errors.find(/WARN: .*\/secret holds fewer than 16 characters, and is replaced/)
    const users = await settledUsers(first, 6)
    assert.ok((await readFile(join(state, 'secret'), 'utf8')).length > 40)
    const second = await startLimpet(t, config(servers), { env: { STATE_DIRECTORY: state } })
    await assertAllKept(users, second)
    assert.ok(!second.errors.all.some((line) => line.includes('and is replaced')))
  })
})
