/** Sessions that move to a server that was added, or is back, until the load is even. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { WebSocket, WebSocketServer } from 'ws'
import { parseConfig } from '../../src/config/file.ts'
import { temporaryFolder } from '../support/folder.ts'
import type { Origin } from '../support/origin.ts'
import { byCookie, sessionApp } from '../support/session-app.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'
import { WatchedBalancer } from './applied/watched-balancer.ts'

type Name = 'a' | 'b' | 'c'

/** An application of three servers that share their sessions, and a balancer that can be given some of them. */
async function start(t: TestContext, affinity: object, rebalance: object | undefined, first: object) {
  const sessions = new Map<string, number>()
  const app = (name: Name) => sessionApp(t, name, byCookie, sessions)
  const origins: Record<Name, Origin> = { a: await app('a'), b: await app('b'), c: await app('c') }
  const folder = await temporaryFolder(t)
  /** @param servers their settings by their names */
  const configOf = (servers: object) => {
    const file = {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      workers: 2,
      admin: { port: 0 },
      stateDirectory: folder,
      accessLog: { format: 'json', file: `${folder}/access.log` },
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: {
        app: {
          affinity,
          ...(rebalance && { rebalance }),
          servers: Object.entries(servers).map(([name, settings]) => ({
            name,
            address: origins[name as Name].address,
            ...settings,
          })),
        },
      },
    }
    return parseConfig(JSON.stringify(file), 'limpet.yaml', {})
  }
  const watched = await WatchedBalancer.start(t, configOf(first))
  return {
    origins,
    watched,
    port: watched.port,
    apply: (servers: object) => watched.balancer.apply(configOf(servers)),
    /** Resolves once sessions may leave a server. */
    untilOpen: async () => {
      const { departures } = watched.scoreboard
      const slots = [...watched.slotsOf('app').values()]
      await until(() => slots.some((slot) => departures.isOpen(slot)))
    },
    /** Resolves to how many requests had that reason; stops the balancer. */
    counted: async (reason: string) =>
      (await watched.accessLog(`${folder}/access.log`)).filter((line) => line.reason === reason).length,
  }
}

/** Users with sessions, and the server that each was last on. */
class Users {
  readonly #port: number
  readonly homes = new Map<User, string>()

  constructor(port: number) {
    this.#port = port
  }

  /** One request of each of that many new users. */
  async arrive(count: number): Promise<void> {
    for (let user = 0; user < count; user++) this.homes.set(new User(), '')
    await this.ask()
  }

  /** One request of each. */
  async ask(): Promise<void> {
    for (const user of this.homes.keys()) {
      const { status, body } = await user.get(this.#port)
      assert.equal(status, 200)
      this.homes.set(user, body.split(' ')[0]!)
    }
  }

  /** How many are on each server. */
  get counts(): number[] {
    return ['a', 'b', 'c'].map((name) => [...this.homes.values()].filter((home) => home === name).length)
  }

  /** Asks until there are so many on each server, and never more than that on the last. */
  async askUntil(counts: readonly number[]): Promise<void> {
    await until(async () => {
      if (isDeepStrictEqual(this.counts, counts)) return true
      await this.ask()
      assert.ok(this.counts[2]! <= counts[2]!)
      return false
    }, 50)
  }
}

const FAST = { rate: '100%/s', only: 'any' }

const kinds = {
  cookie: { type: 'cookie', secrets: ['the same secret in every replica'] },
  learn: { type: 'learn', from: 'cookie:sid' },
}

for (const [kind, affinity] of Object.entries(kinds)) {
  describe(`with affinity: ${kind}, sessions`, () => {
    test('move to a server that was added until each has its share, and no more', async (t) => {
      const { port, apply, watched, counted } = await start(t, affinity, FAST, { a: {}, b: {} })
      const users = new Users(port)
      await users.arrive(30)
      assert.deepEqual(users.counts, [15, 15, 0])
      await apply({ a: {}, b: {}, c: {} })
      await users.askUntil([10, 10, 10])
      const homes = [...users.homes.values()]
      for (let round = 0; round < 3; round++) await users.ask()
      assert.deepEqual([...users.homes.values()], homes)
      const views = await watched.servers('app')
      assert.deepEqual(
        views.map(({ sessions }) => sessions!.live),
        [10, 10, 10],
      )
      assert.equal(await counted('moved:rebalanced'), 10)
    })

    test('move by weight when that changes, and back to a server that was disabled', async (t) => {
      const { port, apply, counted } = await start(t, affinity, FAST, { a: {}, b: {}, c: {} })
      const users = new Users(port)
      await users.arrive(24)
      assert.deepEqual(users.counts, [8, 8, 8])
      await apply({ a: { weight: 1 }, b: { weight: 1 }, c: { weight: 2 } })
      await users.askUntil([6, 6, 12])
      await apply({ a: { weight: 1 }, b: { weight: 1 }, c: { weight: 2, down: true } })
      await users.ask()
      assert.equal(users.counts[2], 0)
      await apply({ a: { weight: 1 }, b: { weight: 1 }, c: { weight: 2 } })
      await users.askUntil([6, 6, 12])
      assert.equal(await counted('moved:rebalanced'), 4 + 12)
    })

    test('stay without the setting, and those that were seen lately stay with only: idle', async (t) => {
      for (const rebalance of [undefined, { rate: '100%/s' }]) {
        const { port, apply, counted, untilOpen } = await start(t, affinity, rebalance, { a: {}, b: {} })
        const users = new Users(port)
        await users.arrive(10)
        await apply({ a: {}, b: {}, c: {} })
        if (rebalance !== undefined) await untilOpen()
        for (let round = 0; round < 5; round++) await users.ask()
        assert.deepEqual(users.counts, [5, 5, 0])
        assert.equal(await counted('moved:rebalanced'), 0)
      }
    })

    test('stay while they have a WebSocket, and move after it', async (t) => {
      const { port, apply, origins, untilOpen } = await start(t, affinity, FAST, { a: {} })
      const sockets = new WebSocketServer({ server: origins.a.server as never })
      t.after(() => sockets.close())
      const users = new Users(port)
      await users.arrive(2)
      const open = await Promise.all([...users.homes.keys()].map((user) => openSocket(port, user)))
      await apply({ a: {}, b: {} })
      await untilOpen()
      for (let round = 0; round < 5; round++) await users.ask()
      assert.deepEqual(users.counts, [2, 0, 0])
      await Promise.all(open.map(closeSocket))
      await users.askUntil([1, 1, 0])
    })
  })
}

async function openSocket(port: number, user: User): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { Cookie: user.cookie } })
  await once(socket, 'open')
  return socket
}

async function closeSocket(socket: WebSocket): Promise<void> {
  socket.close()
  await once(socket, 'close')
}
