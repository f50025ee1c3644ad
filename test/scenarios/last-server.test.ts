/** The only server, or the last ones, told to stop by a source that expects them back: who is served until then, and who waits. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { User } from '../support/user.ts'
import { end, entry, named } from './named-server.ts'
import { AWAY, startWithSource as start } from './server-source.ts'

const READY = { returns: true } as const
const ENDING = { returns: true, drain: true, ending: true } as const
/** As an operator drains it. */
const DRAINED = { returns: true, drain: true } as const

const affinity = { type: 'cookie', secrets: ['the same secret in every replica'] } as const

async function post(port: number, size: number) {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: Buffer.alloc(size, 'x') })
  return [answer.status, await answer.text()]
}

describe('the only server, which has been told to stop', () => {
  test('serves to its end: new users, POSTs and WebSockets, too', async (t) => {
    const a = await named(t, 'a')
    const { port, says, watched, reasons } = await start(t, { affinity }, [entry(a)])
    const user = new User()
    await user.get(port)
    await says({ a: ENDING })
    assert.equal((await user.get(port, '/own')).body, 'a 0')
    assert.equal((await new User().get(port, '/new')).body, 'a 0')
    assert.deepEqual(await post(port, 3), [200, 'a 3'])
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    const [hello] = await once(socket, 'message')
    assert.equal(String(hello), 'a')
    socket.terminate()
    assert.deepEqual(watched.trouble, [])
    const servers = await watched.servers('app')
    assert.deepEqual(servers[0]!.state, { admin: 'drain', health: 'up', cause: null, ending: true })
    assert.deepEqual(await reasons('/new'), ['new'])
  })

  for (const [when, said] of [
    ['refuses connections', ENDING],
    ['refuses connections, before its source says anything', READY],
  ] as const) {
    test(`and ${when}: requests wait until it is back, whatever they are, and no try is counted`, async (t) => {
      const a = await named(t, 'a')
      const upstream = { affinity, retries: { tries: 1 }, queue: { size: 10, timeout: '30s' } }
      const { port, says, watched } = await start(t, upstream, [entry(a)])
      const user = new User()
      await user.get(port)
      await says({ a: said })
      end(a)
      const size = 3_000_000
      const waiting = [user.get(port), new User().get(port)].map(async (answer) => [
        (await answer).status,
        (await answer).body,
      ])
      const posts = [post(port, 100), post(port, size)]
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
      const hello = once(socket, 'message')
      await watched.waiting('app', 5)
      assert.equal((await watched.servers('app'))[0]!.state.health, 'away')
      await says({ a: AWAY })
      const again = await named(t, 'a')
      await says({ a: { ...READY, address: again.address } })
      assert.deepEqual(await Promise.all([...waiting, ...posts]), [
        [200, 'a 0'],
        [200, 'a 0'],
        [200, 'a 100'],
        [200, `a ${size}`],
      ])
      assert.equal(String((await hello)[0]), 'a')
      socket.terminate()
      assert.deepEqual(watched.trouble, [])
    })
  }

  test('goes on after all: those that waited are served, and nothing of it is left', async (t) => {
    const a = await named(t, 'a')
    const { port, says, watched } = await start(t, {}, [entry(a)])
    await says({ a: ENDING })
    end(a)
    const waiting = new User().get(port)
    await watched.waiting('app', 1)
    await named(t, 'a', Number(a.address.split(':')[1]))
    await says({ a: READY })
    assert.equal((await waiting).body, 'a 0')
    const { state } = (await watched.servers('app'))[0]!
    assert.deepEqual(state, { admin: 'ready', health: 'up', cause: null })
    assert.equal(watched.scoreboard.servers.health(watched.slotsOf('app').get('a')!), 0)
  })

  test('is no last resort where an operator drains it', async (t) => {
    const a = await named(t, 'a')
    const { port, says, watched } = await start(t, { affinity }, [entry(a)])
    const user = new User()
    await user.get(port)
    await says({ a: DRAINED })
    assert.equal((await new User().get(port)).status, 503)
    assert.equal((await user.get(port)).body, 'a 0', 'its own users stay')
    end(a)
    const waiting = user.get(port)
    await watched.waiting('app', 1)
    await says({ a: { ...AWAY, drain: true } })
    assert.equal((await new User().get(port)).status, 503)
    const again = await named(t, 'a')
    await says({ a: { ...DRAINED, address: again.address } })
    assert.equal((await waiting).body, 'a 0', 'and wait for it')
  })

  test('is not waited for where there is no queue, or no longer than its time', async (t) => {
    for (const queue of [{ size: 0 }, { timeout: '700ms' }]) {
      const a = await named(t, 'a')
      const { port, says, watched } = await start(t, { queue }, [entry(a)])
      await says({ a: ENDING })
      end(a)
      const answers = await Promise.all([new User().get(port), post(port, 3).then(([status]) => ({ status }))])
      assert.deepEqual(
        answers.map(({ status }) => status),
        [503, 503],
      )
      await watched.balancer.stop()
    }
  })
})

describe('the last servers, which have all been told to stop', () => {
  test('keep their users to their end; those of one that refuses connections go to another meanwhile', async (t) => {
    const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
    const { port, says, watched, reasons } = await start(t, { affinity }, [entry(a), entry(b)])
    const users = Array.from({ length: 8 }, () => new User())
    const homes: string[] = []
    for (const user of users) homes.push((await user.get(port)).body)
    await says({ a: ENDING, b: ENDING })
    for (const [index, user] of users.entries()) assert.equal((await user.get(port, '/own')).body, homes[index])
    end(a)
    for (const user of users) assert.equal((await user.get(port)).body, 'b 0')
    end(b)
    const waiting = users.map((user) => user.get(port))
    await watched.waiting('app', users.length)
    await says({ a: AWAY, b: AWAY })
    const again = await Promise.all([named(t, 'a'), named(t, 'b')])
    await says({ a: { ...READY, address: again[0].address }, b: { ...READY, address: again[1].address } })
    assert.deepEqual(new Set((await Promise.all(waiting)).map(({ status }) => status)), new Set([200]))
    for (const [index, user] of users.entries()) {
      const { body, setCookies } = await user.get(port, '/back')
      assert.deepEqual([body, setCookies], [homes[index], []])
    }
    assert.deepEqual(new Set(await reasons('/own')), new Set(['stuck']))
  })

  test('have their sessions wait for them where they may not move', async (t) => {
    const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
    const upstream = { affinity: { ...affinity, onLost: 'refuse' } }
    const { port, says, watched } = await start(t, upstream, [entry(a), entry(b)])
    const users = { a: new User(), b: new User() }
    while ((await users.a.get(port)).body !== 'a 0') users.a = new User()
    await says({ a: ENDING, b: READY })
    end(a)
    const waiting = users.a.get(port)
    await watched.waiting('app', 1)
    await says({ a: AWAY, b: READY })
    const again = await named(t, 'a')
    await says({ a: { ...READY, address: again.address }, b: READY })
    assert.equal((await waiting).body, 'a 0')
  })
})
