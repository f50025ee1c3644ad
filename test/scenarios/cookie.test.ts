/** Users who are kept on their server by a cookie, through what happens around them. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket, WebSocketServer } from 'ws'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { User } from '../support/user.ts'

const SECRET = 'the same secret in every replica'

interface Named {
  readonly name: string
  readonly origin: Origin
}

/** Servers that answer with their name, and with the cookies that they see. */
function named(test: TestContext, ...names: readonly string[]): Promise<Named[]> {
  return Promise.all(
    names.map(async (name) => {
      const origin = await httpOrigin(test, ({ headers }, response) => response.end(`${name} ${headers.cookie ?? '-'}`))
      return { name, origin }
    }),
  )
}

interface Options {
  readonly affinity?: object
  /** Changes of single servers, by name. */
  readonly servers?: Readonly<Record<string, object>>
  readonly env?: NodeJS.ProcessEnv
}

function balancing(test: TestContext, servers: readonly Named[], { affinity, servers: changes, env }: Options = {}) {
  return startLimpet(
    test,
    {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      workers: 2,
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: {
        app: {
          affinity: { type: 'cookie', name: 'stick', secrets: [SECRET], ...affinity },
          servers: servers.map(({ name, origin }) => ({ name, address: origin.address, ...changes?.[name] })),
        },
      },
    },
    env && { env },
  )
}

async function serverOf(user: User, { port }: Limpet): Promise<string> {
  const { status, body } = await user.get(port)
  assert.equal(status, 200)
  return body.split(' ', 1)[0]!
}

/** Users who have been there once, and their servers. */
async function settled(limpet: Limpet, count: number): Promise<Map<User, string>> {
  const users = new Map<User, string>()
  for (let i = 0; i < count; i++) {
    const user = new User()
    users.set(user, await serverOf(user, limpet))
  }
  return users
}

async function assertAllKept(users: ReadonlyMap<User, string>, limpet: Limpet): Promise<void> {
  for (const [user, server] of users) assert.equal(await serverOf(user, limpet), server)
}

describe('a cookie', () => {
  test('is set once, for one user alone, and never reaches the server', async (t) => {
    const limpet = await balancing(t, await named(t, 'a', 'b', 'c'))
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

  test('is taken out wherever it stands, and the field with it where it stands alone', async (t) => {
    const limpet = await balancing(t, await named(t, 'a'))
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

  test('is nothing for the servers of other upstreams either', async (t) => {
    const [a, b] = (await named(t, 'a', 'b')) as [Named, Named]
    const limpet = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      routes: [
        { path: '/*', upstream: 'app' },
        { path: '/other/*', upstream: 'other' },
      ],
      upstreams: {
        app: { affinity: { type: 'cookie', name: 'stick', secrets: [SECRET] }, servers: [a.origin.address] },
        other: { servers: [b.origin.address] },
      },
    })
    const user = new User()
    user.cookies.set('app', '1')
    assert.equal((await user.get(limpet.port)).setCookies.length, 1)
    assert.equal((await user.get(limpet.port, '/other/')).body, 'b app=1')
  })

  test('that is forged, foreign or broken is replaced, and never an error', async (t) => {
    const servers = await named(t, 'a', 'b')
    const limpet = await balancing(t, servers)
    const stranger = await balancing(t, servers, { affinity: { secrets: ['a secret that nobody else has'] } })
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

  test('of which there are several ties by the first that is good', async (t) => {
    const limpet = await balancing(t, await named(t, 'a', 'b'))
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
    // Nobody has the server work through a whole head of them.
    await new User().get(limpet.port, '/', { Cookie: `${'stick=x; '.repeat(500)}${user.cookie}` })
    await limpet.log.find(/ invalid$/)
  })

  test('is understood by every replica with its secret, and after a restart', async (t) => {
    const servers = await named(t, 'a', 'b', 'c')
    const [one, other] = [await balancing(t, servers), await balancing(t, servers)]
    const users = await settled(one, 30)
    assert.equal(new Set(users.values()).size, 3)
    await assertAllKept(users, other)
    await assertAllKept(users, one)
    await other.log.matching(/ stuck$/, 30)
  })

  test('without a configured secret, and without a state directory, is told to last as long as the run', async (t) => {
    const env = { STATE_DIRECTORY: fileURLToPath(import.meta.url) }
    const limpet = await balancing(t, await named(t, 'a'), { affinity: { secrets: undefined }, env })
    await limpet.errors.find(/affinity has no secrets; one that lasts as long as this run serves/)
    assert.equal((await new User().get(limpet.port)).setCookies.length, 1)
  })

  test('without a configured secret lasts over a restart by the state directory, with a warning', async (t) => {
    const servers = await named(t, 'a', 'b', 'c')
    const first = await balancing(t, servers, { affinity: { secrets: undefined } })
    const users = await settled(first, 10)
    const [, path] = await first.errors.find(/affinity has no secrets; (.*)\/secret serves, and other replicas need/)
    first.process.kill('SIGTERM')
    assert.equal(await first.exit, 0)
    const second = await balancing(t, servers, { affinity: { secrets: undefined }, env: { STATE_DIRECTORY: path } })
    await assertAllKept(users, second)
  })

  test('whose secret in the state directory cannot be read does without it, and leaves it there', async (t) => {
    const state = await mkdtemp(join(tmpdir(), 'limpet-state-'))
    t.after(() => rm(state, { recursive: true }))
    await mkdir(join(state, 'secret'))
    const limpet = await balancing(t, await named(t, 'a', 'b'), {
      affinity: { secrets: undefined },
      env: { STATE_DIRECTORY: state },
    })
    await assertAllKept(await settled(limpet, 6), limpet)
    const troubles = limpet.errors.all.filter((line) => line.includes('cannot'))
    assert.match(troubles.join('\n'), /^.*WARN: cannot read .*\/secret: EISDIR.*$/)
  })

  test('whose secret in the state directory is too short gets another one, with a warning', async (t) => {
    const state = await mkdtemp(join(tmpdir(), 'limpet-state-'))
    t.after(() => rm(state, { recursive: true }))
    await writeFile(join(state, 'secret'), 'too short\n')
    const options = { affinity: { secrets: undefined }, env: { STATE_DIRECTORY: state } }
    const servers = await named(t, 'a', 'b')
    const first = await balancing(t, servers, options)
    await first.errors.find(/WARN: .*\/secret holds fewer than 16 characters, and is written anew/)
    const users = await settled(first, 6)
    assert.ok((await readFile(join(state, 'secret'), 'utf8')).length > 40)
    const second = await balancing(t, servers, options)
    await assertAllKept(users, second)
    assert.ok(!second.errors.all.some((line) => line.includes('written anew')))
  })

  test('goes with a server that comes back at another address under its name', async (t) => {
    const before = await named(t, 'a', 'b', 'c')
    const users = await settled(await balancing(t, before), 30)
    const after = [...(await named(t, 'c', 'a')), before[1]!]
    await assertAllKept(users, await balancing(t, after))
  })

  test('is set with a switch of protocols too, and with an answer to HEAD', async (t) => {
    const [a] = await named(t, 'a')
    const sockets = new WebSocketServer({ server: a!.origin.server as never })
    t.after(() => sockets.close())
    sockets.on('connection', (socket) => socket.send('hello'))
    const limpet = await balancing(t, [a!])
    const socket = new WebSocket(`ws://127.0.0.1:${limpet.port}/`)
    const upgrade = new Promise<string[]>((resolve) => {
      socket.on('upgrade', ({ headers }) => resolve(headers['set-cookie'] ?? []))
    })
    await new Promise((resolve) => socket.on('message', resolve))
    assert.match((await upgrade).join(), /^stick=[\w-]{55};/)
    socket.close()
  })
})

describe('when the server of a session cannot serve it', () => {
  /** The server that serves a user's next request, and the cookie that comes with it. */
  async function next(user: User, { port }: Limpet): Promise<{ server: string; moved: boolean }> {
    const { status, body, setCookies } = await user.get(port)
    assert.equal(status, 200)
    return { server: body.split(' ')[0]!, moved: setCookies.length > 0 }
  }

  const originOf = (servers: readonly Named[], wanted: string) => servers.find(({ name }) => name === wanted)!.origin
  const each = (settings: object) => ({ servers: { a: settings, b: settings, c: settings } })

  test('one request goes to another; at the next the user moves there for good, and is told so by a new cookie', async (t) => {
    const servers = await named(t, 'a', 'b', 'c')
    const limpet = await balancing(t, servers)
    const users = await settled(limpet, 12)
    await originOf(servers, 'a').kill()
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
    // What the first one left there is not lost as well.
    assert.equal(others.get(first!), retried.server)
    assert.equal((await limpet.log.matching(/ moved:down$/, others.size)).length, others.size)
    await originOf(servers, 'a').revive()
    await assertAllKept(others, limpet)
    await assertAllKept(new Map([...users].filter(([, home]) => home !== 'a')), limpet)
  })

  test('the user stays, if it can serve the next request', async (t) => {
    const servers = await named(t, 'a', 'b', 'c')
    const limpet = await balancing(t, servers, each({ maxFails: 9 }))
    const user = new User()
    const home = await serverOf(user, limpet)
    for (let trouble = 0; trouble < 3; trouble++) {
      await originOf(servers, home).kill()
      const { server, moved } = await next(user, limpet)
      assert.notEqual(server, home)
      assert.equal(moved, false)
      await originOf(servers, home).revive()
      assert.deepEqual(await next(user, limpet), { server: home, moved: false })
    }
    await limpet.log.matching(/ retry$/, 3)
    await limpet.log.matching(/ stuck$/, 3)
  })

  test('the user moves at the second request that it fails, be it a probe, or never out by maxFails', async (t) => {
    for (const settings of [{ failTimeout: '1ms' }, { maxFails: 0 }, { maxFails: 9 }]) {
      const servers = await named(t, 'a', 'b', 'c')
      const limpet = await balancing(t, servers, each(settings))
      const user = new User()
      const home = await serverOf(user, limpet)
      await originOf(servers, home).kill()
      const first = await next(user, limpet)
      assert.equal(first.moved, false)
      assert.deepEqual(await next(user, limpet), { server: first.server, moved: true })
      await originOf(servers, home).revive()
      assert.deepEqual(await next(user, limpet), { server: first.server, moved: false })
    }
  })

  test('a user who had no server yet is given the one that answers', async (t) => {
    const servers = await named(t, 'a', 'b')
    const limpet = await balancing(t, servers)
    await originOf(servers, 'a').kill()
    const users = [new User(), new User()]
    for (const user of users) assert.deepEqual(await next(user, limpet), { server: 'b', moved: true })
    for (const user of users) assert.deepEqual(await next(user, limpet), { server: 'b', moved: false })
    await limpet.log.matching(/ retry$/, 1)
  })

  test('with onLost: refuse, the user is refused until the server is back, and then has it again', async (t) => {
    const servers = await named(t, 'a', 'b')
    const limpet = await balancing(t, servers, {
      affinity: { onLost: 'refuse' },
      servers: { a: { maxFails: 0 }, b: { maxFails: 0 } },
    })
    const user = new User()
    const home = await serverOf(user, limpet)
    const { origin } = servers.find(({ name }) => name === home)!
    await origin.kill()
    const refused = await user.get(limpet.port)
    assert.equal(refused.status, 503)
    assert.match(refused.body, /The server that has your session is not available/)
    assert.deepEqual(refused.setCookies, [])
    await limpet.log.find(/ 503 .* refused:down$/)
    assert.notEqual(await serverOf(new User(), limpet), undefined)
    await origin.revive()
    assert.equal(await serverOf(user, limpet), home)
  })

  test('with onLost: refuse, a user whose server is no more is told so once, and begins anew', async (t) => {
    const servers = await named(t, 'a', 'b')
    const user = new User()
    await serverOf(user, await balancing(t, [servers[0]!]))
    const limpet = await balancing(t, [servers[1]!], { affinity: { onLost: 'refuse' } })
    const refused = await user.get(limpet.port)
    assert.equal(refused.status, 503)
    assert.match(refused.setCookies.join(), /^stick=;.*; Max-Age=0$/)
    await limpet.log.find(/ refused:removed$/)
    assert.equal(await serverOf(user, limpet), 'b')
  })

  test('the log says where it was: taken out, removed, or full', async (t) => {
    const servers = await named(t, 'a', 'b')
    const user = new User()
    assert.equal(await serverOf(user, await balancing(t, [servers[0]!])), 'a')
    const cookie = user.cookies.get('stick')!
    const out = await balancing(t, servers, { servers: { a: { down: true } } })
    assert.equal(await serverOf(user, out), 'b')
    await out.log.find(/ moved:down$/)
    const removed = await balancing(t, [servers[1]!])
    user.cookies.set('stick', cookie)
    assert.equal(await serverOf(user, removed), 'b')
    await removed.log.find(/ moved:removed$/)
    assert.equal(await serverOf(user, removed), 'b')
    await removed.log.find(/ stuck$/)
  })
})

describe('a server that drains', () => {
  test('keeps its users, and is given no others', async (t) => {
    const servers = await named(t, 'a', 'b', 'c')
    const users = await settled(await balancing(t, servers), 30)
    const limpet = await balancing(t, servers, { servers: { a: { drain: true } } })
    await assertAllKept(users, limpet)
    for (const server of (await settled(limpet, 20)).values()) assert.notEqual(server, 'a')
  })

  test('keeps those whose key it has seen, over a restart too, and no other key comes to it', async (t) => {
    const servers = await named(t, 'a', 'b', 'c')
    const stateDirectory = await mkdtemp(join(tmpdir(), 'limpet-state-'))
    t.after(() => rm(stateDirectory, { recursive: true }))
    const keyed = (drain: boolean, onLost = 'move') =>
      startLimpet(t, {
        listeners: [{ address: '127.0.0.1', port: 0 }],
        workers: 2,
        stateDirectory,
        routes: [{ path: '/*', upstream: 'app' }],
        upstreams: {
          app: {
            affinity: { type: 'header', name: 'X-User', onLost },
            servers: servers.map(({ name, origin: { address } }) => ({ name, address, drain: drain && name === 'a' })),
          },
        },
      })
    const homeOf = async ({ port }: Limpet, user: number) =>
      (await new User().get(port, '/', { 'X-User': `user ${user}` })).body.split(' ')[0]!
    const before = await keyed(false)
    const homes: string[] = []
    for (let user = 0; user < 30; user++) homes.push(await homeOf(before, user))
    assert.equal(new Set(homes).size, 3)
    before.process.kill('SIGTERM')
    await before.exit
    const limpet = await keyed(true)
    await limpet.errors.find(/30 session\(s\) go on/)
    for (const [user, home] of homes.entries()) assert.equal(await homeOf(limpet, user), home)
    for (let user = 100; user < 130; user++) assert.notEqual(await homeOf(limpet, user), 'a')
    await limpet.log.find(/ moved:drained$/)
    limpet.process.kill('SIGTERM')
    await limpet.exit
    // Who never was there has lost nothing, and is not refused.
    const strict = await keyed(true, 'refuse')
    for (const [user, home] of homes.entries()) assert.equal(await homeOf(strict, user), home)
    for (let user = 200; user < 230; user++) assert.match(await homeOf(strict, user), /^[bc]$/)
    await strict.log.find(/ moved:drained$/)
  })
})
