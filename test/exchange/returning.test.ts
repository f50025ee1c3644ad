/** Sessions that began on a backup while no other server could serve: they stay there, or return if that is asked for. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { UpstreamGroup } from '../../src/exchange/upstream-group.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'
import { ReadOnlySessions } from '../../src/runtime/read-only-sessions.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Affinity, Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'
import { Dice } from '../support/dice.ts'
import { seed } from '../support/seed.ts'
import { APP, COOKIE, groupOf, LEARN, Travelling } from './travelling.ts'

const SPARE = 2
const BOTH = serversWith([{ name: 'a' }, { name: 'b' }, { name: 'spare', backup: true }])

const settingsOf = (affinity: Affinity, arePrimariesDown: boolean, more: Partial<Upstream> = {}): Upstream => ({
  ...APP,
  affinity,
  retries: { tries: 3, within: 0 },
  servers: BOTH.map((server) => ({ ...server, down: arePrimariesDown && !server.backup })),
  ...more,
})

let clients = 0

class Client {
  #group: UpstreamGroup
  readonly #learns: boolean
  #fields: Record<string, string> = {}

  constructor(group: UpstreamGroup, { type }: Affinity) {
    this.#group = group
    this.#learns = type === 'learn'
  }

  /** From now on it asks another worker. */
  asks(group: UpstreamGroup): this {
    this.#group = group
    return this
  }

  ask(): Travelling {
    return new Travelling(this.#group, this.#fields)
  }

  /** The request is answered, and over. Returns where it was and why. */
  hear(request: Travelling): string {
    const isNew = this.#learns && this.#fields['x-session'] === undefined
    const id = `client ${++clients}`
    if (isNew) this.#fields = { 'x-session': id }
    const cookie = /^Set-Cookie: ([^;]+)/.exec(request.answer(isNew ? `X-Session: ${id}\r\n` : ''))?.[1]
    if (cookie !== undefined) this.#fields = { cookie }
    const outcome = request.outcome!
    request.end()
    return outcome
  }

  next(): string {
    return this.hear(this.ask())
  }
}

for (const kind of [COOKIE, LEARN]) {
  const returning: Affinity = { ...kind, onBackup: 'return' }

  describe(`with affinity: ${kind.type}, a session that began on a backup`, () => {
    /** A client with a session on the backup, and then the other servers are up. */
    const start = (affinity: Affinity = returning, more: Partial<Upstream> = {}) => {
      const group = groupOf(settingsOf(affinity, true, more))
      const client = new Client(group, affinity)
      assert.equal(client.next(), 'spare, new')
      assert.equal(client.next(), 'spare, stuck')
      group.apply(settingsOf(affinity, false, more))
      return { group, client }
    }
    const liveOn = (group: UpstreamGroup, slot: number) => group.sessions.count([slot], wallSeconds()).get(slot)!.live

    test('stays there by default, whatever serves again', () => {
      for (const affinity of [kind, { ...kind, onBackup: 'stay' } as const]) {
        const { client } = start(affinity)
        assert.deepEqual([client.next(), client.next()], ['spare, stuck', 'spare, stuck'])
      }
    })

    test('returns with its next request if that is asked for, and stays on the other server', () => {
      const { group, client } = start()
      assert.match(client.next(), /^[ab], moved:backup$/)
      const home = client.next()
      assert.match(home, /^[ab], stuck$/)
      assert.equal(client.next(), home)
      assert.equal(liveOn(group, SPARE), 0)
      assert.equal(liveOn(group, 0) + liveOn(group, 1), 1)
    })

    test('stays while no other server may serve, and while one of its requests is in flight', () => {
      const { group, client } = start()
      group.apply(settingsOf(returning, true))
      assert.equal(client.next(), 'spare, stuck')
      const websocket = client.ask()
      group.apply(settingsOf(returning, false))
      assert.deepEqual([client.next(), client.next()], ['spare, stuck', 'spare, stuck'])
      client.hear(websocket)
      assert.match(client.next(), /, moved:backup$/)
    })

    test('is followed by the requests that it sends meanwhile', () => {
      const { client } = start()
      const together = [client.ask(), client.ask(), client.ask()]
      const places = together.map((request) => client.hear(request).split(',')[0])
      assert.equal(new Set(places).size, 1)
      assert.equal(client.next(), `${places[0]}, stuck`)
    })

    test('is where it was if the other server fails the request', () => {
      const { group, client } = start()
      const request = client.ask()
      assert.match(request.outcome!, /^[ab], moved:backup$/)
      request.fail()
      assert.equal(client.hear(request), 'spare, retry')
      assert.equal(liveOn(group, SPARE), 1)
      assert.match(client.next(), /^[ab], moved:backup$/)
    })

    test('returns by the balance of the upstream, and evenly', () => {
      const group = groupOf(settingsOf(returning, true))
      const all = Array.from({ length: 20 }, () => new Client(group, returning))
      for (const client of all) assert.equal(client.next(), 'spare, new')
      group.apply(settingsOf(returning, false))
      const places = all.map((client) => client.next())
      for (const server of ['a', 'b'])
        assert.equal(places.filter((place) => place === `${server}, moved:backup`).length, 10)
    })

    test('returns also with onLost: refuse, since it has lost nothing', () => {
      const { client } = start({ ...returning, onLost: 'refuse' })
      assert.match(client.next(), /, moved:backup$/)
    })

    test('is not moved by asking where it would go', () => {
      const { group, client } = start()
      const known = new ReadOnlySessions(group.sessions)
      const rehearsal = groupOf(group.settings, known)
      const asked = client.asks(rehearsal).ask()
      assert.match(asked.outcome!, /, moved:backup$/)
      assert.equal(liveOn(group, SPARE), 1)
      client.asks(group)
      assert.match(client.next(), /, moved:backup$/)
    })

    test('is on a server that may serve whatever goes down and comes back, and off the backup after two requests', () => {
      const dice = new Dice(seed)
      const [scoreboard, sessions] = [new Scoreboard(), new SessionTable()]
      const workers = [0, 1].map((worker) => groupOf(settingsOf(returning, false), sessions, scoreboard, worker))
      const all = Array.from({ length: 12 }, () => new Client(workers[0]!, returning))
      const down = [false, false]
      for (let round = 0; round < 60; round++) {
        const flipped = dice.below(2)
        down[flipped] = !down[flipped]
        const servers = BOTH.map((server, index) => ({ ...server, down: down[index] ?? false }))
        for (const group of workers) group.apply({ ...settingsOf(returning, false), servers })
        for (const client of all) {
          // A session that the table did not know on the backup is known there after one request.
          for (let turn = 0; turn < 2; turn++) client.asks(workers[dice.below(2)]!).next()
          const [place] = client.next().split(',')
          if (down[0] && down[1]) assert.equal(place, 'spare')
          else assert.ok((place === 'a' && !down[0]) || (place === 'b' && !down[1]), `${place} in round ${round}`)
        }
      }
    })
  })
}
