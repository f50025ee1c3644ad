/** A server that drains gives up the sessions that it still has: they move, or they are refused. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { parseConfig } from '../../src/config/file.ts'
import type { OwnSessions } from '../../src/runtime/snapshot.ts'
import { temporaryFolder } from '../support/folder.ts'
import { HoldingOrigin } from '../support/holding-origin.ts'
import type { Origin } from '../support/origin.ts'
import { byCookie, sessionApp } from '../support/session-app.ts'
import { type Answer, User } from '../support/user.ts'
import { WatchedBalancer } from './applied/watched-balancer.ts'

/** What becomes of server `a`: nothing, or it drains and does that with its sessions. */
type Drain = 'ready' | OwnSessions

/** Starts a balancer for one upstream, whose server `a` can then be drained. */
async function start(t: TestContext, upstream: object, servers: readonly object[]) {
  const folder = await temporaryFolder(t)
  const configOf = (drain: Drain) => {
    const file = {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      workers: 2,
      admin: { port: 0 },
      stateDirectory: folder,
      accessLog: { format: 'json', file: `${folder}/access.log` },
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: { app: { ...upstream, servers } },
    }
    const config = parseConfig(JSON.stringify(file), 'limpet.yaml', {})
    const [a] = config.upstreams[0]!.servers
    a!.drain = drain !== 'ready'
    if (drain === 'move' || drain === 'refuse') a!.ownSessions = drain
    return config
  }
  const watched = await WatchedBalancer.start(t, configOf('ready'))
  return {
    watched,
    port: watched.port,
    drain: (drain: Drain) => watched.balancer.apply(configOf(drain)),
    /** Resolves to the reasons of all requests for that path and query, or of all requests; stops the balancer. */
    reasons: async (target?: string) => {
      const lines = await watched.accessLog(`${folder}/access.log`)
      const those = lines.filter(({ path, query }) => target === undefined || target === `${path}?${query}`)
      return those.map(({ reason }) => reason)
    },
  }
}

/** Three servers of an application, each with its sessions in that store. */
async function apps(t: TestContext, storeOf: (name: string) => Map<string, number>) {
  const app = async (name: string) => ({ name, address: (await sessionApp(t, name, byCookie, storeOf(name))).address })
  return [await app('a'), await app('b'), await app('c')]
}

/** Those that have one store, so that each server knows all sessions. */
function sharingApps(t: TestContext) {
  const sessions = new Map<string, number>()
  return apps(t, () => sessions)
}

/** Those that begin another session for a user whom another server knows. */
const separateApps = (t: TestContext) => apps(t, () => new Map())

/** That many users, each with a header that names the user. */
class Users {
  readonly #port: number
  readonly #users: readonly User[]
  #rounds = 0

  constructor(port: number, count: number) {
    this.#port = port
    this.#users = Array.from({ length: count }, () => new User())
  }

  /** Each asks once, one after the other; all for `/?round=N`, with the number of this call. */
  async ask(): Promise<Answer[]> {
    const path = `/?round=${++this.#rounds}`
    const answers: Answer[] = []
    for (const [index, user] of this.#users.entries())
      answers.push(await user.get(this.#port, path, { 'X-User': `user ${index}` }))
    return answers
  }

  /** The same, and the server of each. */
  async homes(): Promise<string[]> {
    const answers = await this.ask()
    for (const { status } of answers) assert.equal(status, 200)
    return answers.map(({ body }) => body.split(' ')[0]!)
  }
}

const USERS = 24
const counted = <Item>(items: readonly Item[], item: Item) => items.filter((each) => each === item).length

const kinds = {
  cookie: { type: 'cookie', secrets: ['the same secret in every replica'] },
  learn: { type: 'learn', from: 'cookie:sid' },
  header: { type: 'header', name: 'X-User' },
  'consistent-hash': { type: 'consistent-hash', key: 'header:X-User' },
}

for (const [kind, affinity] of Object.entries(kinds)) {
  describe(`with affinity: ${kind}, sessions of a server that drains`, () => {
    for (const onLost of ['move', 'refuse']) {
      test(`move to others, each once, and stay there (onLost: ${onLost})`, async (t) => {
        const { port, drain, reasons, watched } = await start(
          t,
          { affinity: { ...affinity, onLost } },
          await sharingApps(t),
        )
        const users = new Users(port, USERS)
        const before = await users.homes()
        const own = counted(before, 'a')
        assert.ok(own > 0 && own < USERS)
        await drain('keep')
        assert.deepEqual(await users.homes(), before)
        await drain('move')
        const after = await users.homes()
        for (const [user, home] of after.entries()) {
          if (before[user] === 'a') assert.match(home, /^[bc]$/)
          else assert.equal(home, before[user])
        }
        assert.deepEqual(await users.homes(), after)
        const sessions = (await watched.servers('app')).map((server) => server.sessions!.live)
        assert.deepEqual(
          sessions,
          ['a', 'b', 'c'].map((name) => counted(after, name)),
        )
        const said = await reasons('/?round=3')
        assert.deepEqual(
          [said.length, counted(said, 'moved:drained'), counted(said, 'stuck')],
          [USERS, own, USERS - own],
        )
        assert.deepEqual(await reasons('/?round=4'), Array(USERS).fill('stuck'))
      })

      test(`are refused once, and start over elsewhere (onLost: ${onLost})`, async (t) => {
        const { port, drain, reasons, watched } = await start(
          t,
          { affinity: { ...affinity, onLost } },
          await separateApps(t),
        )
        const users = new Users(port, USERS)
        const before = await users.homes()
        const own = counted(before, 'a')
        await drain('refuse')
        for (const [user, { status, body, setCookies }] of (await users.ask()).entries()) {
          assert.equal(status, before[user] === 'a' ? 503 : 200)
          if (before[user] !== 'a') continue
          assert.match(body, /The server that has your session is not available/)
          if (kind === 'cookie') assert.match(setCookies.join(), /^limpet-.*; Max-Age=0$/)
        }
        assert.equal((await watched.servers('app')).find(({ name }) => name === 'a')!.sessions!.live, 0)
        const after = await users.homes()
        for (const [user, home] of after.entries()) {
          if (before[user] === 'a') assert.match(home, /^[bc]$/)
          else assert.equal(home, before[user])
        }
        assert.deepEqual(await users.homes(), after)
        const said = await reasons('/?round=2')
        assert.deepEqual([counted(said, 'refused:drained'), counted(said, 'stuck')], [own, USERS - own])
        const begun = { cookie: 'new', learn: 'expired' }[kind] ?? 'moved:drained'
        assert.equal(counted(await reasons('/?round=3'), begun), own)
        assert.deepEqual(await reasons('/?round=4'), Array(USERS).fill('stuck'))
      })
    }

    test('that were never on it are neither moved again and again nor refused', async (t) => {
      const { port, drain, reasons } = await start(t, { affinity }, await sharingApps(t))
      for (const way of ['move', 'refuse'] as const) {
        await drain(way)
        const users = new Users(port, USERS)
        const homes = await users.homes()
        assert.equal(counted(homes, 'a'), 0)
        assert.deepEqual(await users.homes(), homes)
      }
      assert.equal(counted(await reasons(), 'refused:drained'), 0)
    })
  })
}

for (const balance of ['ip-hash', 'least-connections', 'random-two', 'least-time', 'consistent-hash']) {
  test(`sessions that move go where balance: ${balance} says, and stay there even if the server is ready again`, async (t) => {
    const { port, drain } = await start(t, { balance, affinity: kinds.cookie }, await sharingApps(t))
    const users = new Users(port, USERS)
    await users.homes()
    await drain('move')
    const after = await users.homes()
    assert.equal(counted(after, 'a'), 0)
    await drain('ready')
    assert.deepEqual(await users.homes(), after)
  })
}

/** Two servers that take one request at a time, with a user whose session is on `a` and who has a request there. */
async function busyUser(t: TestContext) {
  const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  const servers = [a, b].map(({ name, address }) => ({ name, address, maxConnections: 1 }))
  const started = await start(t, { affinity: kinds.cookie, queue: { timeout: '0s' } }, servers)
  const user = new User()
  assert.equal((await user.get(started.port, '/at-once')).body, '<a>')
  const busy = user.get(started.port, '/busy')
  await a.hears(2)
  return { ...started, a, b, user, busy }
}

for (const [way, status, body] of [
  ['move', 200, /^<b>$/],
  ['refuse', 503, /The server that has your session/],
] as const) {
  test(`a request that waits for its server is decided again when the server's sessions are to ${way}`, async (t) => {
    const { port, drain, reasons, watched, a, b, user, busy } = await busyUser(t)
    b.release()
    const waiting = user.get(port, '/waiting')
    await watched.waiting('app', 1)
    await drain(way)
    const answer = await waiting
    assert.equal(answer.status, status)
    assert.match(answer.body, body)
    a.answer()
    assert.equal((await busy).body, '<a>', 'what is in flight ends where it is')
    assert.equal((await user.get(port, '/at-once')).body, '<b>')
    assert.ok((await reasons()).includes(way === 'move' ? 'moved:drained' : 'refused:drained'))
  })
}

test('a WebSocket goes on while the other requests of its session move', async (t) => {
  const servers = await sharingApps(t)
  const echo = await socketServer(t)
  const { port, drain } = await start(t, { affinity: kinds.cookie }, [
    { name: 'a', address: echo.address },
    servers[1]!,
  ])
  const user = new User()
  assert.equal((await user.get(port)).body, 'a')
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { Cookie: user.cookie } })
  await once(socket, 'open')
  await drain('move')
  assert.equal((await user.get(port)).body, 'b 1')
  socket.send('still here?')
  assert.equal(String((await once(socket, 'message'))[0]), 'still here?')
  socket.close()
  await once(socket, 'close')
  assert.equal((await user.get(port)).body, 'b 2')
})

/** Server `a`, which also sends back what it hears on a WebSocket. */
async function socketServer(t: TestContext): Promise<Origin> {
  const { origin } = await HoldingOrigin.start(t, 'a')
  origin.server.removeAllListeners('request')
  origin.server.on('request', (_request, response) => response.end('a'))
  const sockets = new WebSocketServer({ server: origin.server as never })
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(String(text))))
  t.after(() => sockets.close())
  return origin
}
