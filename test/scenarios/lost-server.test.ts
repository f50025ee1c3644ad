/** Users with a cookie whose server cannot serve their next request. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ServingLimpet, startLimpet } from '../support/limpet.ts'
import { type Named, namedOrigins } from '../support/origin.ts'
import { assertAllKept, serverOf, settledUsers } from '../support/settled.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { User } from '../support/user.ts'

type Name = 'a' | 'b' | 'c'

/** Three servers, each with these settings besides its name and address. */
const three = ({ a, b, c }: Named<Name>, settings = 'weight: 1') => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: cookie, name: stick }
      servers:
        - { name: a, address: ${a.address}, ${settings} }
        - { name: b, address: ${b.address}, ${settings} }
        - { name: c, address: ${c.address}, ${settings} }
`

interface Placed {
  readonly server: Name
  /** Whether the answer has a new cookie. */
  readonly moved: boolean
}

async function next(user: User, { port }: ServingLimpet): Promise<Placed> {
  const { status, body, setCookies } = await user.get(port)
  assert.equal(status, 200)
  return { server: body.split(' ')[0] as Name, moved: setCookies.length > 0 }
}

describe('when the server of a user fails', () => {
  test('one request goes to another server, to which the next one moves the user for good with a new cookie', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b', 'c')
    const limpet = await sharedLimpet(three(servers))
    const users = await settledUsers(limpet, 12)
    await servers.a.kill()
    const others = new Map<User, string>()
    const [first, ...rest] = [...users].filter(([, home]) => home === 'a').map(([user]) => user)
    const retried = await next(first!, limpet)
    assert.equal(retried.moved, false)
    await limpet.log.find(/ retry$/)
    for (const user of [first!, ...rest]) {
      const { server, moved } = await next(user, limpet)
      assert.notEqual(server, 'a')
      assert.ok(moved)
      others.set(user, server)
    }
    // What the first user's retried request left there is not lost as well.
    assert.equal(others.get(first!), retried.server)
    assert.equal((await limpet.log.matching(/ moved:down$/, others.size)).length, others.size)
    await servers.a.revive()
    await assertAllKept(others, limpet)
    await assertAllKept(new Map([...users].filter(([, home]) => home !== 'a')), limpet)
  })

  test('the user stays if it can serve the next request', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b', 'c')
    const limpet = await sharedLimpet(three(servers, 'maxFails: 9'))
    const user = new User()
    const { server: home } = await next(user, limpet)
    for (let failure = 0; failure < 3; failure++) {
      await servers[home].kill()
      const { server, moved } = await next(user, limpet)
      assert.notEqual(server, home)
      assert.equal(moved, false)
      await servers[home].revive()
      assert.deepEqual(await next(user, limpet), { server: home, moved: false })
    }
    await limpet.log.matching(/ retry$/, 3)
    await limpet.log.matching(/ stuck$/, 3)
  })

  for (const settings of ['failTimeout: 1ms', 'maxFails: 0', 'maxFails: 9']) {
    test(`the user moves at the second request in a row that it fails, with ${settings}`, async (t) => {
      const servers = await namedOrigins(t, 'a', 'b', 'c')
      const limpet = await sharedLimpet(three(servers, settings))
      const user = new User()
      const { server: home } = await next(user, limpet)
      await servers[home].kill()
      const first = await next(user, limpet)
      assert.equal(first.moved, false)
      assert.deepEqual(await next(user, limpet), { server: first.server, moved: true })
      await servers[home].revive()
      assert.deepEqual(await next(user, limpet), { server: first.server, moved: false })
    })
  }

  test('a new user gets the server that answers', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: cookie, name: stick }
          servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
    `
    const limpet = await sharedLimpet(config)
    await a.kill()
    const users = [new User(), new User()]
    for (const user of users) assert.deepEqual(await next(user, limpet), { server: 'b', moved: true })
    for (const user of users) assert.deepEqual(await next(user, limpet), { server: 'b', moved: false })
    await limpet.log.matching(/ retry$/, 1)
  })

  test('onLost: refuse answers 503 until the server is back, and then the user has it again', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b')
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: cookie, name: stick, onLost: refuse }
          servers:
            - { name: a, address: ${servers.a.address}, maxFails: 0 }
            - { name: b, address: ${servers.b.address}, maxFails: 0 }
    `
    const limpet = await sharedLimpet(config)
    const user = new User()
    const home = (await serverOf(user, limpet)) as 'a' | 'b'
    await servers[home].kill()
    const refused = await user.get(limpet.port)
    assert.equal(refused.status, 503)
    assert.match(refused.body, /The server that has your session is not available/)
    assert.deepEqual(refused.setCookies, [])
    await limpet.log.find(/ 503 .* refused:down$/)
    assert.notEqual(await serverOf(new User(), limpet), undefined)
    await servers[home].revive()
    assert.equal(await serverOf(user, limpet), home)
  })
})

describe('when the configuration no longer has the server of a user', () => {
  /** Before: only server `a`. */
  const onlyA = ({ a }: Named<'a'>) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
        servers: [{ name: a, address: ${a.address} }]
  `
  /** After: only server `b`. */
  const onlyB = ({ b }: Named<'b'>, onLost: 'move' | 'refuse') => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, name: stick, secrets: [the same secret in every replica], onLost: ${onLost} }
        servers: [{ name: b, address: ${b.address} }]
  `

  test('onLost: refuse answers 503 once, and then the user gets a new session', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b')
    const user = new User()
    await serverOf(user, await startLimpet(t, onlyA(servers)))
    const limpet = await startLimpet(t, onlyB(servers, 'refuse'))
    const refused = await user.get(limpet.port)
    assert.equal(refused.status, 503)
    assert.match(refused.setCookies.join(), /^stick=;.*; Max-Age=0$/)
    await limpet.log.find(/ refused:removed$/)
    assert.equal(await serverOf(user, limpet), 'b')
  })

  test('the log says whether it is down or removed', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b')
    const user = new User()
    assert.equal(await serverOf(user, await startLimpet(t, onlyA(servers))), 'a')
    const cookie = user.cookies.get('stick')!
    const isDown = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
          servers: [{ name: a, address: ${servers.a.address}, down: true }, { name: b, address: ${servers.b.address} }]
    `
    const down = await startLimpet(t, isDown)
    assert.equal(await serverOf(user, down), 'b')
    await down.log.find(/ moved:down$/)
    const removed = await startLimpet(t, onlyB(servers, 'move'))
    user.cookies.set('stick', cookie)
    assert.equal(await serverOf(user, removed), 'b')
    await removed.log.find(/ moved:removed$/)
    assert.equal(await serverOf(user, removed), 'b')
    await removed.log.find(/ stuck$/)
  })
})
