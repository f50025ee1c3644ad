/** Servers that are away and come back, as containers do that are recreated: whom their users meet meanwhile, and afterwards. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { byCookie, sessionApp } from '../support/session-app.ts'
import { User } from '../support/user.ts'
import { entry, named } from './named-server.ts'
import { AWAY, startWithSource as start } from './server-source.ts'

const kinds = {
  cookie: { type: 'cookie', secrets: ['the same secret in every replica'] },
  learn: { type: 'learn', from: 'cookie:sid' },
  header: { type: 'header', name: 'X-User' },
} as const

const USERS = 12

describe('users whose server is away', () => {
  for (const [kind, affinity] of Object.entries(kinds)) {
    test(`are served by one other each, and are back on their own once it is (${kind})`, async (t) => {
      const shared = new Map<string, number>()
      const apps = await Promise.all(
        ['a', 'b', 'c'].map(async (name) => ({ name, address: (await sessionApp(t, name, byCookie, shared)).address })),
      )
      const { port, says, watched, reasons } = await start(t, { affinity }, apps)
      const users = Array.from({ length: USERS }, (_, index) => ({ user: new User(), name: `user ${index}` }))
      const ask = async (path: string) => {
        const answers = []
        for (const { user, name } of users) answers.push(await user.get(port, path, { 'X-User': name }))
        for (const { status } of answers) assert.equal(status, 200)
        return answers.map(({ body, setCookies }) => ({
          server: body.split(' ')[0]!,
          moves: setCookies.some((line) => line.startsWith('limpet')),
        }))
      }
      const homes = (await ask('/begin')).map(({ server }) => server)
      const ofA = homes.filter((home) => home === 'a').length
      assert.ok(ofA > 0 && ofA < USERS, `${ofA} of ${USERS} are on a`)
      await says({ a: AWAY })
      const detours = await ask('/first')
      for (const [index, { server, moves }] of detours.entries()) {
        assert.equal(moves, false, 'no cookie moves it')
        if (homes[index] === 'a') assert.notEqual(server, 'a')
        else assert.equal(server, homes[index])
      }
      for (const path of ['/second', '/third'])
        assert.deepEqual(
          (await ask(path)).map(({ server }) => server),
          detours.map(({ server }) => server),
          'the same other server each time',
        )
      await says({})
      assert.deepEqual(
        (await ask('/back')).map(({ server }) => server),
        homes,
      )
      assert.deepEqual(watched.trouble, [])
      const said = await reasons('/second')
      assert.equal(said.filter((reason) => reason === 'away').length, ofA)
      assert.equal(said.filter((reason) => reason === 'stuck').length, USERS - ofA)
    })
  }

  test('wait for it where they may not move, and are refused once their time in the queue is over', async (t) => {
    const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
    const upstream = { affinity: { ...kinds.cookie, onLost: 'refuse' }, queue: { timeout: '400ms' } }
    const { port, says, watched, reasons } = await start(t, upstream, [entry(a), entry(b)])
    const user = new User()
    const home = (await user.get(port)).body.split(' ')[0]!
    await says({ [home]: AWAY })
    const waiting = user.get(port, '/waits')
    await watched.waiting('app', 1)
    await says({})
    assert.equal((await waiting).body, `${home} 0`)
    await says({ [home]: AWAY })
    const refused = await user.get(port, '/refused')
    assert.equal(refused.status, 503)
    assert.deepEqual(refused.setCookies, [], 'the session is not over')
    await says({})
    assert.equal((await user.get(port)).body, `${home} 0`)
    assert.deepEqual(await reasons('/refused'), ['refused:away'])
  })
})

describe('where every server is away, or may not serve', () => {
  test('requests wait with their bodies, and go on at the moment one is back', async (t) => {
    const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
    const { port, says, watched } = await start(t, { queue: { size: 10, timeout: '30s' } }, [entry(a), entry(b)])
    await says({ a: AWAY, b: { down: true } })
    const size = 3_000_000
    const posts = [100, size].map(async (length) => {
      const body = Buffer.alloc(length, 'x')
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })
      return [answer.status, await answer.text()]
    })
    await watched.waiting('app', 2)
    await says({ b: { down: true } })
    assert.deepEqual(await Promise.all(posts), [
      [200, 'a 100'],
      [200, `a ${size}`],
    ])
  })

  test('WebSockets wait, too', async (t) => {
    const a = await named(t, 'a')
    const { port, says, watched } = await start(t, {}, [entry(a)])
    await says({ a: AWAY })
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    const hello = once(socket, 'message')
    await watched.waiting('app', 1)
    await says({})
    assert.equal(String((await hello)[0]), 'a')
    socket.terminate()
  })

  test('more than the queue holds, and those that wait too long, get 503', async (t) => {
    const a = await named(t, 'a')
    const { port, says, watched } = await start(t, { queue: { size: 1, timeout: '300ms' } }, [entry(a)])
    await says({ a: AWAY })
    const first = new User().get(port)
    await watched.waiting('app', 1)
    assert.equal((await new User().get(port)).status, 503)
    assert.equal((await first).status, 503)
  })

  test('they fail at once where it is gone instead of back', async (t) => {
    const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
    const { port, says, watched } = await start(t, { queue: { timeout: '0s' } }, [entry(a), entry(b)])
    await says({ a: AWAY, b: { down: true } })
    const waiting = new User().get(port)
    await watched.waiting('app', 1)
    await says({ a: { down: true }, b: { down: true } })
    assert.equal((await waiting).status, 503)
  })
})

describe('a server that is back', () => {
  test('and does not listen yet keeps its users, and those that only it can serve wait for it', async (t) => {
    const a = await named(t, 'a')
    const { port, says, watched } = await start(t, { affinity: kinds.cookie }, [entry(a)])
    const user = new User()
    await user.get(port)
    await says({ a: { returns: true, drain: true } })
    a.server.close()
    a.server.closeAllConnections()
    await says({ a: AWAY })
    const waiting = fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      body: 'abc',
      headers: { Cookie: user.cookie },
    })
    await watched.waiting('app', 1)
    await says({ a: { returns: true } })
    // Its first attempt is refused.
    await watched.waiting('app', 1)
    await named(t, 'a', Number(a.address.split(':')[1]))
    assert.equal(await (await waiting).text(), 'a 3')
    assert.deepEqual(watched.trouble, [])
  })

  test('at another address gets no request on a connection to the old one, and is not suspended for what that one did', async (t) => {
    const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
    const moved = await named(t, 'a moved')
    const { port, says, watched } = await start(t, { affinity: kinds.cookie }, [entry(a), entry(b)])
    const users = Array.from({ length: USERS }, () => new User())
    const homes = []
    for (const user of users) homes.push((await user.get(port)).body)
    a.server.close()
    a.server.closeAllConnections()
    for (const user of users) assert.equal((await user.get(port)).status, 200)
    await says({ a: { returns: true, address: moved.address } })
    for (const [index, user] of users.entries())
      if (homes[index] === 'b 0') assert.equal((await user.get(port)).body, 'b 0')
    const newcomers = []
    for (let count = 0; count < 8; count++) newcomers.push((await new User().get(port)).body)
    assert.ok(newcomers.includes('a moved 0'), `a is picked: ${newcomers}`)
    assert.equal((await watched.servers('app')).find(({ name }) => name === 'a')?.state.health, 'up')
  })
})

describe('a server that its source has found', () => {
  test('keeps its users between its death and the word of the source', async (t) => {
    const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
    const found = { a: { returns: true }, b: { returns: true } } as const
    const { port, says, reasons } = await start(t, { affinity: kinds.cookie }, [entry(a), entry(b)])
    await says(found)
    const users = Array.from({ length: USERS }, () => new User())
    const homes: string[] = []
    for (const user of users) homes.push((await user.get(port)).body)
    a.server.close()
    a.server.closeAllConnections()
    for (let round = 0; round < 3; round++)
      for (const user of users) assert.equal((await user.get(port, `/dead`)).body, 'b 0')
    await says({ ...found, a: AWAY })
    for (const user of users) assert.equal((await user.get(port, '/away')).body, 'b 0')
    const again = await named(t, 'a')
    await says({ ...found, a: { returns: true, address: again.address } })
    for (const [index, user] of users.entries()) assert.equal((await user.get(port)).body, homes[index])
    const said = await reasons('/dead')
    assert.deepEqual(new Set(said), new Set(['stuck', 'retry', 'away']))
  })
})
