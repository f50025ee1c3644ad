/** Users whose application puts the id of their server into its session ids, as Tomcat does with its jvmRoute. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { Http2User } from '../support/http2-user.ts'
import { jvmRouteApp } from '../support/jvm-route-app.ts'
import { adminUrlOf, type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { type Named, namedOrigins, type Origin, rawOrigin } from '../support/origin.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'

type Id = 'web1' | 'web2' | 'web3'

const threeApps = async (t: TestContext): Promise<Named<Id>> => ({
  web1: await jvmRouteApp(t, 'web1'),
  web2: await jvmRouteApp(t, 'web2'),
  web3: await jvmRouteApp(t, 'web3'),
})

/** Three servers whose names are not their ids. */
const byServerId = ({ web1, web2, web3 }: Named<Id>) => `
  listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
  workers: 2
  admin: { port: 0 }
  routes: [{ path: /*, upstream: tomcat }]
  upstreams:
    tomcat:
      affinity: { type: server-id, from: ["cookie:JSESSIONID", "path:jsessionid"] }
      servers:
        - { id: web1, name: first, address: ${web1.address} }
        - { id: web2, name: second, address: ${web2.address} }
        - { id: web3, name: third, address: ${web3.address} }
`

/** That many users after one request each, and what their sessions are called. */
async function arrive({ port }: Limpet, count: number): Promise<Map<User, { server: Id; session: string }>> {
  const users = new Map<User, { server: Id; session: string }>()
  for (let i = 0; i < count; i++) {
    const user = new User()
    const [server, , session] = (await user.get(port)).body.split(' ')
    users.set(user, { server: server as Id, session: session! })
  }
  return users
}

/** What commands need to reach its admin API. */
async function adminOf(limpet: Limpet): Promise<string[]> {
  return ['--url', await adminUrlOf(limpet), '--token-file', join(limpet.stateDirectory, 'admin-token')]
}

async function sessionsOf(limpet: Limpet): Promise<Record<string, number>> {
  const { servers } = (await (await fetch(`${await adminUrlOf(limpet)}/v1/upstreams/tomcat`)).json()) as {
    servers: { name: string; sessions: { live: number } }[]
  }
  return Object.fromEntries(servers.map(({ name, sessions }) => [name, sessions.live]))
}

describe('a session id that ends with the id of its server', () => {
  test('leads there from the second request on, by every worker, replica and process', async (t) => {
    const apps = await threeApps(t)
    const limpet = await startLimpet(t, byServerId(apps))
    const users = await arrive(limpet, 12)
    assert.equal(new Set(Array.from(users.values(), ({ server }) => server)).size, 3)
    // They share nothing with the first: no state, no secret.
    const others = [await startLimpet(t, byServerId(apps)), await startLimpet(t, byServerId(apps))]
    for (let turn = 2; turn <= 5; turn++) {
      for (const [user, { server, session }] of users) {
        const { port } = [limpet, ...others][turn % 3]!
        assert.equal((await user.get(port)).body, `${server} ${turn} ${session}`)
      }
    }
    assert.equal((await limpet.log.matching(/ new$/, 12)).length, 12)
    for (const replica of [limpet, ...others]) await replica.log.matching(/ stuck$/, 12)
  })

  test('is passed on unchanged in both directions, and nothing is added', async (t) => {
    const limpet = await startLimpet(t, byServerId(await threeApps(t)))
    const user = new User()
    const { setCookies, headers } = await user.get(limpet.port)
    assert.match(setCookies.join(), /^JSESSIONID=[0-9A-F]{32}\.web[123]; Path=\/; HttpOnly$/)
    assert.equal(headers['cache-control'], undefined)
  })

  test('leads there from the path, too, for clients without cookies', async (t) => {
    const limpet = await startLimpet(t, byServerId(await threeApps(t)))
    for (const { server, session } of (await arrive(limpet, 6)).values()) {
      const path = `/cart;v=1;jsessionid=${session}?item=3`
      assert.equal((await new User().get(limpet.port, path)).body, `${server} 2 ${session}`)
    }
    await limpet.log.matching(/ stuck$/, 6)
  })

  test('leads there over HTTP/2, where browsers send each cookie in a field of its own', async (t) => {
    const limpet = await startLimpet(t, byServerId(await threeApps(t)))
    const users = await arrive(limpet, 6)
    const client = Http2User.of(t, limpet.url)
    for (const { server, session } of users.values()) {
      const cookies = { cookie: ['theme=dark', `JSESSIONID=${session}`, 'lang=en'] }
      assert.equal((await client.ask(cookies)).body, `${server} 2 ${session}`)
      assert.equal((await client.ask({ ':path': `/a;jsessionid=${session}` })).body, `${server} 3 ${session}`)
    }
    await limpet.log.matching(/ stuck$/, 12)
  })

  test('is a session of that server, in the status and after a restart', async (t) => {
    const apps = await threeApps(t)
    const limpet = await startLimpet(t, byServerId(apps))
    const users = await arrive(limpet, 9)
    assert.deepEqual(await sessionsOf(limpet), { first: 0, second: 0, third: 0 }, 'no client has shown one yet')
    for (const user of users.keys()) await user.get(limpet.port)
    const three = { first: 3, second: 3, third: 3 }
    await until(async () => isDeepStrictEqual(await sessionsOf(limpet), three))
    limpet.process.kill('SIGTERM')
    assert.equal(await limpet.exit, 0)
    const env = { STATE_DIRECTORY: limpet.stateDirectory }
    const after = await startLimpet(t, byServerId(apps), { env })
    await after.errors.find(/9 sessions restored/)
    assert.deepEqual(await sessionsOf(after), three)
  })

  test('is explained', async (t) => {
    const limpet = await startLimpet(t, byServerId(await threeApps(t)))
    const explained = async (value: string) => {
      const shown = ['--path', '/', '--cookie', `JSESSIONID=${value}`]
      const { stdout } = await runLimpet(['explain', ...shown, ...(await adminOf(limpet))])
      return stdout
    }
    assert.match(await explained('1A.web2'), /a session id that names its server, on server second/)
    assert.match(await explained('1A.web2'), /goes to server second .*by its session: stuck/)
    assert.match(await explained('1A.web9'), /a session id that names a server which is not in the upstream/)
    assert.match(await explained('1A.web9'), /chosen by a hash of its key: moved:removed/)
    assert.match(await explained('1A'), /the request shows none/)
  })
})

describe('while the server of a session cannot serve it', () => {
  test('it goes to another one, the same each time and by every replica, and back once that can', async (t) => {
    // Servers that know nothing of ids: the client goes on showing the one that it has.
    const servers = await namedOrigins(t, 'web1', 'web2', 'web3')
    const replicas = [await startLimpet(t, byServerId(servers)), await startLimpet(t, byServerId(servers))]
    const visitor = (session: string) => {
      const user = new User()
      user.cookies.set('JSESSIONID', session)
      return user
    }
    const users = Array.from({ length: 8 }, (_, index) => visitor(`${index}.web1`))
    const serversOf = ({ port }: Limpet) =>
      Promise.all(users.map(async (user) => (await user.get(port)).body.split(' ')[0]!))
    const ofFirst = async (verb: string) => {
      for (const replica of replicas)
        assert.equal((await runLimpet([verb, 'tomcat/first', ...(await adminOf(replica))])).code, 0)
    }
    await ofFirst('maintenance')
    const places = await serversOf(replicas[0]!)
    assert.deepEqual(new Set(places), new Set(['web2', 'web3']))
    assert.deepEqual(await serversOf(replicas[0]!), places)
    assert.deepEqual(await serversOf(replicas[1]!), places)
    await replicas[0]!.log.matching(/ moved:down$/, 16)
    await ofFirst('ready')
    assert.deepEqual(await serversOf(replicas[0]!), Array(8).fill('web1'))
    await replicas[0]!.log.matching(/ stuck$/, 8)
  })

  test('the application may give it an id of another server, where it then stays', async (t) => {
    const apps = await threeApps(t)
    const limpet = await startLimpet(t, byServerId(apps))
    const [user, { server }] = [...(await arrive(limpet, 1))][0]!
    await apps[server].kill()
    const [other, count, session] = (await user.get(limpet.port)).body.split(' ')
    assert.notEqual(other, server)
    assert.equal(count, '1')
    await apps[server].revive()
    assert.equal((await user.get(limpet.port)).body, `${other} 2 ${session}`)
    await limpet.log.find(/ stuck$/)
  })

  test('onLost: refuse answers 503, as long as that lasts', async (t) => {
    const servers = await namedOrigins(t, 'web1', 'web2', 'web3')
    const config = byServerId(servers).replace('type: server-id', 'type: server-id, onLost: refuse')
    const limpet = await startLimpet(t, config.replace('id: web1', 'id: web1, down: true'))
    const user = new User()
    user.cookies.set('JSESSIONID', '1A.web1')
    assert.equal((await user.get(limpet.port)).status, 503)
    assert.equal((await user.get(limpet.port)).status, 503)
    await limpet.log.matching(/ 503 .* refused:down$/, 2)
  })

  for (const [then, first] of [
    ['move', 'moved:drained'],
    ['refuse', 'refused:drained'],
  ] as const) {
    test(`a drain with then: ${then} gives it to another server, where it stays`, async (t) => {
      const servers = await namedOrigins(t, 'web1', 'web2', 'web3')
      const draining = byServerId(servers).replace('id: web1', `id: web1, drain: ${then}`)
      const limpet = await startLimpet(t, draining)
      const user = new User()
      user.cookies.set('JSESSIONID', '1A.web1')
      const { status, body } = await user.get(limpet.port)
      assert.equal(status, then === 'move' ? 200 : 503)
      await limpet.log.find(new RegExp(` ${first}$`))
      const places = []
      for (let i = 0; i < 4; i++) places.push((await user.get(limpet.port)).body.split(' ')[0]!)
      assert.equal(new Set(places).size, 1)
      assert.notEqual(places[0], 'web1')
      if (then === 'move') assert.equal(body.split(' ')[0], places[0])
      await limpet.log.matching(/ stuck$/, 3)
    })
  }

  test('a drain keeps it, although it gives the server no new users', async (t) => {
    const apps = await threeApps(t)
    const limpet = await startLimpet(t, byServerId(apps))
    const users = await arrive(limpet, 6)
    const draining = await startLimpet(t, byServerId(apps).replace('id: web1', 'id: web1, drain: true'))
    for (const [user, { server, session }] of users)
      assert.equal((await user.get(draining.port)).body, `${server} 2 ${session}`)
    for (const { server } of (await arrive(draining, 6)).values()) assert.notEqual(server, 'web1')
  })
})

describe('a session id with the id of a server that is not there', () => {
  const showing = (session: string) => {
    const user = new User()
    user.cookies.set('JSESSIONID', session)
    return user
  }

  test('goes to another server, and stays there', async (t) => {
    const servers = await namedOrigins(t, 'web1', 'web2', 'web3')
    const limpet = await startLimpet(t, byServerId(servers))
    for (let index = 0; index < 6; index++) {
      const user = showing(`${index}.web9`)
      const places = [await user.get(limpet.port), await user.get(limpet.port), await user.get(limpet.port)]
      assert.equal(new Set(places.map(({ body }) => body.split(' ')[0])).size, 1)
    }
    assert.equal((await limpet.log.matching(/ moved:removed$/, 6)).length, 6)
    await limpet.log.matching(/ stuck$/, 12)
  })

  test('with onLost: refuse is answered 503 once, since Limpet cannot take it from its client', async (t) => {
    const servers = await namedOrigins(t, 'web1', 'web2', 'web3')
    const config = byServerId(servers).replace('type: server-id', 'type: server-id, onLost: refuse')
    const limpet = await startLimpet(t, config)
    const user = showing('1A.web9')
    const refused = await user.get(limpet.port)
    assert.equal(refused.status, 503)
    assert.deepEqual(refused.setCookies, [])
    const places = []
    for (let i = 0; i < 4; i++) places.push((await user.get(limpet.port)).body.split(' ')[0])
    assert.equal(new Set(places).size, 1)
    await limpet.log.matching(/ refused:removed$/, 1)
    await limpet.log.matching(/ expired$/, 1)
    await limpet.log.matching(/ stuck$/, 3)
  })

  test('is one of another upper or lower case, escaped, or with more behind it', async (t) => {
    const limpet = await startLimpet(t, byServerId(await threeApps(t)))
    for (const id of ['WEB1', '%77eb1', 'web1,', 'web1%00', 'web10', `web1${'0'.repeat(8000)}`])
      assert.equal((await showing(`1A.${id}`).get(limpet.port)).status, 200)
    await limpet.log.matching(/ moved:removed$/, 6)
    // RFC 6265 §4.1.1: the quotes are not part of the value.
    assert.match((await showing('"1A.web2"').get(limpet.port)).body, /^web2 /)
    await limpet.log.matching(/ stuck$/, 1)
  })
})

describe('many cookies', () => {
  /** Servers that take heads of any size. */
  const named = (t: TestContext, name: string) =>
    rawOrigin(t, (socket) => {
      let head = ''
      socket.setEncoding('latin1').on('data', (text) => {
        head += text
        if (!head.endsWith('\r\n\r\n')) return
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`)
        head = ''
      })
    })
  const threeOrigins = async (t: TestContext) => ({
    web1: await named(t, 'web1'),
    web2: await named(t, 'web2'),
    web3: await named(t, 'web3'),
  })
  const withRoom = (apps: Named<Id>) => `${byServerId(apps)}
  limits: { headSize: 1MB }
`
  const ask = (limpet: Limpet, cookies: readonly string[]) =>
    new User().get(limpet.port, '/', { Cookie: cookies.join('; ') })
  const others = Array.from({ length: 10_000 }, (_, index) => `c${index}=${index}.web1`)

  test('of other names hide no session', async (t) => {
    const limpet = await startLimpet(t, withRoom(await threeOrigins(t)))
    assert.match((await ask(limpet, [...others, 'JSESSIONID=1A.web3'])).body, /^web3$/)
    await limpet.log.matching(/ stuck$/, 1)
  })

  test('of the same name hide one beyond the first four', async (t) => {
    const limpet = await startLimpet(t, withRoom(await threeOrigins(t)))
    const invented = Array.from({ length: 10_000 }, (_, index) => `JSESSIONID=${index}.web9`)
    assert.match((await ask(limpet, [...invented.slice(0, 3), 'JSESSIONID=1A.web3', ...invented])).body, /^web3$/)
    assert.equal((await ask(limpet, [...invented, 'JSESSIONID=1A.web3'])).status, 200)
    await limpet.log.matching(/ stuck$/, 1)
    await limpet.log.matching(/ moved:removed$/, 1)
  })
})

test("an id at the start of the application's own cookie is read, and not taken away as HAProxy does", async (t) => {
  const servers = await namedOrigins(t, 'web1', 'web2')
  const address = (origin: Origin) => origin.address
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    routes: [{ path: /*, upstream: php }]
    upstreams:
      php:
        affinity: { type: server-id, from: "cookie:PHPSESSID", position: prefix, separator: "~" }
        servers:
          - { name: web1, address: ${address(servers.web1)} }
          - { name: web2, address: ${address(servers.web2)} }
  `,
  )
  const user = new User()
  user.cookies.set('PHPSESSID', 'web2~abc.web1')
  for (let i = 0; i < 3; i++) assert.equal((await user.get(limpet.port)).body, 'web2 PHPSESSID=web2~abc.web1')
  await limpet.log.matching(/ stuck$/, 3)
})
