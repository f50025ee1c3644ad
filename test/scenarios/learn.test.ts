/** Users who are kept on their server by the application's own sessions, which Limpet learns from its answers. */
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, type Limpet, type ServingLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Named } from '../support/origin.ts'
import { untilSaved } from '../support/saved-sessions.ts'
import { byCookie, byHeader, byRedirect, sessionApp, threeSessionApps } from '../support/session-app.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'

type Name = 'a' | 'b' | 'c'

/** Three servers of one application, with its sessions in the cookie `sid`. */
const byCookieSid = ({ a, b, c }: Named<Name>) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: learn, from: "cookie:sid" }
      servers:
        - { name: a, address: ${a.address} }
        - { name: b, address: ${b.address} }
        - { name: c, address: ${c.address} }
`

async function stop(limpet: Limpet): Promise<void> {
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
}

/** That many new users after one request each, and their servers. */
async function arrive({ port }: ServingLimpet, count: number): Promise<Map<User, string>> {
  const users = new Map<User, string>()
  for (let i = 0; i < count; i++) {
    const user = new User()
    const { body } = await user.get(port)
    assert.match(body, / 1$/)
    users.set(user, body.split(' ')[0]!)
  }
  return users
}

describe('a session in a cookie of the application', () => {
  test('stays on its server, whichever worker gets the next request', async (t) => {
    const limpet = await sharedLimpet(byCookieSid(await threeSessionApps(t, byCookie)))
    const users = await arrive(limpet, 30)
    assert.equal(new Set(users.values()).size, 3)
    for (let turn = 2; turn <= 6; turn++) {
      for (const [user, server] of users) assert.equal((await user.get(limpet.port)).body, `${server} ${turn}`)
    }
    assert.equal((await limpet.log.matching(/ new$/, 30)).length, 30)
    assert.equal((await limpet.log.matching(/ stuck$/, 150)).length, 150)
  })

  test('is passed on unchanged in both directions, and nothing is added', async (t) => {
    const limpet = await sharedLimpet(byCookieSid(await threeSessionApps(t, byCookie)))
    const user = new User()
    const { setCookies, headers } = await user.get(limpet.port)
    assert.match(setCookies.join(), /^theme=dark,sid=[\w-]{36}; Path=\/; HttpOnly$/)
    assert.equal(headers['cache-control'], undefined)
  })

  test('is known after a restart, even if its server has moved to another address', async (t) => {
    const env = { STATE_DIRECTORY: await temporaryFolder(t) }
    const sessions = { a: new Map<string, number>(), b: new Map<string, number>(), c: new Map<string, number>() }
    const apps = async () => ({
      a: await sessionApp(t, 'a', byCookie, sessions.a),
      b: await sessionApp(t, 'b', byCookie, sessions.b),
      c: await sessionApp(t, 'c', byCookie, sessions.c),
    })
    const before = await startLimpet(t, byCookieSid(await apps()), { env })
    const users = await arrive(before, 30)
    await stop(before)
    const moved = await apps()
    const inAnotherOrder = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: learn, from: "cookie:sid" }
          servers:
            - { name: c, address: ${moved.c.address} }
            - { name: a, address: ${moved.a.address} }
            - { name: b, address: ${moved.b.address} }
    `
    const after = await startLimpet(t, inAnotherOrder, { env })
    await after.errors.find(/30 sessions? restored/)
    for (const [user, server] of users) assert.equal((await user.get(after.port)).body, `${server} 2`)
    await after.log.matching(/ stuck$/, 30)
  })

  test('that begins with a WebSocket is active while that is open', async (t) => {
    const app = await sessionApp(t, 'a', byCookie)
    const sockets = new WebSocketServer({ server: app.server as never })
    t.after(() => sockets.close())
    sockets.on('headers', (headers) => headers.push('Set-Cookie: sid=of-the-socket; Path=/'))
    sockets.on('connection', (socket) => socket.send('hello'))
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      admin: { port: 0 }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { affinity: { type: learn, from: "cookie:sid" }, servers: [${app.address}] } }
    `
    const limpet = await startLimpet(t, config)
    const api = await adminUrlOf(limpet)
    const counted = async () => {
      const { servers } = (await (await fetch(`${api}/v1/upstreams/app`)).json()) as {
        servers: [{ sessions: { live: number; active: number } }]
      }
      return [servers[0].sessions.live, servers[0].sessions.active]
    }
    const socket = new WebSocket(`ws://127.0.0.1:${limpet.port}/`)
    await once(socket, 'message')
    assert.deepEqual(await counted(), [1, 1])
    socket.close()
    await limpet.log.find(/ 101 /)
    // The counts are refreshed now and then.
    await until(async () => (await counted())[1] === 0)
    assert.deepEqual(await counted(), [1, 0])
  })

  test('is known after a crash, once it has been saved', async (t) => {
    const stateDirectory = await temporaryFolder(t)
    const env = { STATE_DIRECTORY: stateDirectory }
    const servers = await threeSessionApps(t, byCookie)
    const before = await startLimpet(t, byCookieSid(servers), { env })
    const users = await arrive(before, 10)
    const [latecomer] = users.keys()
    await latecomer!.get(before.port)
    await untilSaved(t, stateDirectory, 10)
    before.process.kill('SIGKILL')
    await before.exit
    const after = await startLimpet(t, byCookieSid(servers), { env })
    await after.errors.find(/10 sessions? restored/)
    for (const [user, server] of users) {
      assert.equal((await user.get(after.port)).body, `${server} ${user === latecomer ? 3 : 2}`)
    }
  })

  test('with an invented id goes to one server by its value, and the application replaces it', async (t) => {
    const servers = await threeSessionApps(t, byCookie)
    const limpet = await sharedLimpet(byCookieSid(servers))
    const spread = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const cookie = `sid=${createHash('sha256').update(`${i}`).digest('hex')}`
      const first = await new User().get(limpet.port, '/', { Cookie: cookie })
      const second = await new User().get(limpet.port, '/', { Cookie: cookie })
      assert.equal(first.status, 200)
      assert.equal(second.body, first.body)
      spread.add(first.body)
      const user = new User()
      user.cookies.set('sid', cookie.slice(4))
      const { body } = await user.get(limpet.port)
      assert.equal((await user.get(limpet.port)).body, `${body.split(' ')[0]} 2`)
    }
    assert.deepEqual([...spread].sort(), ['a 1', 'b 1', 'c 1'])
    await limpet.log.matching(/ expired$/, 60)
    await limpet.log.matching(/ stuck$/, 20)
  })

  test('is forgotten once the application ends it', async (t) => {
    const limpet = await sharedLimpet(byCookieSid(await threeSessionApps(t, byCookie)))
    const user = new User()
    await user.get(limpet.port)
    const old = user.cookie
    await user.get(limpet.port)
    await limpet.log.matching(/ stuck$/, 1)
    await user.get(limpet.port, '/logout')
    await limpet.log.matching(/ stuck$/, 2)
    await new User().get(limpet.port, '/', { Cookie: old })
    await limpet.log.find(/ expired$/)
  })

  test('is known by its new id after a login, and still by the old one', async (t) => {
    const limpet = await sharedLimpet(byCookieSid(await threeSessionApps(t, byCookie)))
    const user = new User()
    const server = (await user.get(limpet.port)).body.split(' ')[0]
    const old = user.cookie
    assert.equal((await user.get(limpet.port, '/login')).body, `${server} 1`)
    assert.notEqual(user.cookie, old)
    assert.equal((await user.get(limpet.port)).body, `${server} 2`)
    assert.equal((await new User().get(limpet.port, '/', { Cookie: old })).body, `${server} 2`)
  })

  test('moves if its server is down, and is learnt for the server that answers', async (t) => {
    const servers = await threeSessionApps(t, byCookie)
    const limpet = await sharedLimpet(byCookieSid(servers))
    const user = new User()
    const home = (await user.get(limpet.port)).body.split(' ')[0] as Name
    await servers[home].kill()
    const { body } = await user.get(limpet.port)
    const other = body.split(' ')[0]
    assert.notEqual(other, home)
    await limpet.log.find(/ retry$/)
    for (let turn = 2; turn < 6; turn++) assert.equal((await user.get(limpet.port)).body, `${other} ${turn}`)
  })

  test('stays on a server that fails one request, if the application keeps the id', async (t) => {
    const app = (name: string) =>
      httpOrigin(t, ({ url }, response) => {
        if (url === '/login') response.setHeader('Set-Cookie', `sid=${randomUUID()}; Path=/`)
        response.end(name)
      })
    const servers = { a: await app('a'), b: await app('b'), c: await app('c') }
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: learn, from: "cookie:sid" }
          servers:
            - { name: a, address: ${servers.a.address}, maxFails: 2 }
            - { name: b, address: ${servers.b.address}, maxFails: 2 }
            - { name: c, address: ${servers.c.address}, maxFails: 2 }
    `
    const limpet = await sharedLimpet(config)
    const user = new User()
    const home = (await user.get(limpet.port, '/login')).body as Name
    const origin = servers[home]
    await origin.kill()
    assert.notEqual((await user.get(limpet.port)).body, home)
    await limpet.log.find(/ retry$/)
    await origin.revive()
    assert.equal((await user.get(limpet.port)).body, home)
    await limpet.log.matching(/ stuck$/, 1)
    await origin.kill()
    for (let failure = 0; failure < 2; failure++) assert.notEqual((await user.get(limpet.port)).body, home)
    const moved = (await user.get(limpet.port)).body
    await limpet.log.find(/ moved:down$/)
    await origin.revive()
    for (let turn = 0; turn < 4; turn++) assert.equal((await user.get(limpet.port)).body, moved)
  })

  test('with onLost: refuse is answered 503 while its server is down', async (t) => {
    const servers = await threeSessionApps(t, byCookie)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: learn, from: "cookie:sid", onLost: refuse }
          servers:
            - { name: a, address: ${servers.a.address}, maxFails: 0 }
            - { name: b, address: ${servers.b.address}, maxFails: 0 }
            - { name: c, address: ${servers.c.address}, maxFails: 0 }
    `
    const limpet = await sharedLimpet(config)
    const user = new User()
    const home = (await user.get(limpet.port)).body.split(' ')[0] as Name
    const origin = servers[home]
    await origin.kill()
    assert.equal((await user.get(limpet.port)).status, 503)
    await limpet.log.find(/ 503 .* refused:down$/)
    await origin.revive()
    assert.equal((await user.get(limpet.port)).body, `${home} 2`)
  })

  test('stays on a server that drains, which gets no new sessions', async (t) => {
    const env = { STATE_DIRECTORY: await temporaryFolder(t) }
    const servers = await threeSessionApps(t, byCookie)
    const before = await startLimpet(t, byCookieSid(servers), { env })
    const users = await arrive(before, 12)
    await stop(before)
    const draining = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: learn, from: "cookie:sid" }
          servers:
            - { name: a, address: ${servers.a.address}, drain: true }
            - { name: b, address: ${servers.b.address} }
            - { name: c, address: ${servers.c.address} }
    `
    const limpet = await startLimpet(t, draining, { env })
    for (const [user, server] of users) assert.equal((await user.get(limpet.port)).body, `${server} 2`)
    for (const server of (await arrive(limpet, 12)).values()) assert.notEqual(server, 'a')
    for (let i = 0; i < 12; i++) {
      assert.doesNotMatch((await new User().get(limpet.port, '/', { Cookie: `sid=invented${i}` })).body, /^a/)
    }
  })
})

test('a session in a header of the answer is recognised by the same header of later requests', async (t) => {
  const { a, b, c } = await threeSessionApps(t, byHeader)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: learn, from: "header:Mcp-Session-Id" }
        servers: [${a.address}, ${b.address}, ${c.address}]
  `
  const limpet = await sharedLimpet(config)
  for (let user = 0; user < 9; user++) {
    const { headers, body } = await new User().get(limpet.port)
    const id = headers['mcp-session-id'] as string
    for (let turn = 2; turn < 5; turn++) {
      const next = await new User().get(limpet.port, '/', { 'mcp-session-id': id })
      assert.equal(next.body, `${body.split(' ')[0]} ${turn}`)
    }
  }
})

test('a session in the URL of a redirect is recognised by the query', async (t) => {
  const { a, b, c } = await threeSessionApps(t, byRedirect)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: learn, from: ["cookie:other", "query:sid"] }
        servers: [${a.address}, ${b.address}, ${c.address}]
  `
  const limpet = await sharedLimpet(config)
  for (let user = 0; user < 9; user++) {
    const { headers, body } = await new User().get(limpet.port, '/shop')
    const path = headers.location!.toString().replace('#top', '')
    assert.match(path, /^\/shop\?lang=en&sid=/)
    for (let turn = 2; turn < 5; turn++) {
      assert.equal((await new User().get(limpet.port, path)).body, `${body.split(' ')[0]} ${turn}`)
    }
  }
})
