/** Sessions that leave their server so that all have equal loads, as far as the control plane allows. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { UpstreamGroup } from '../../src/exchange/upstream-group.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'
import { ReadOnlySessions } from '../../src/runtime/read-only-sessions.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Affinity, Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'
import { APP, COOKIE, groupOf, LEARN, Travelling } from './travelling.ts'

const [A, B] = [0, 1]
const ANY = { perHour: 1, unseenFor: 0 }

const settingsOf = (affinity: Affinity, more: Partial<Upstream> = {}): Upstream => ({
  ...APP,
  affinity,
  rebalance: ANY,
  servers: serversWith([{ name: 'a' }, { name: 'b' }, { name: 'c' }]),
  ...more,
})

let clients = 0

/** A client with a session on server `a`. */
class Client {
  #group: UpstreamGroup
  /** The fields that show its session. */
  #fields: Record<string, string> = {}

  constructor(group: UpstreamGroup, { type }: Affinity) {
    this.#group = group
    const id = `client ${++clients}`
    let request = this.ask()
    while (request.outcome !== 'a, new') {
      request.end()
      request = this.ask()
    }
    if (type === 'learn') this.#fields = { 'x-session': id }
    this.hear(request, type === 'learn' ? `X-Session: ${id}\r\n` : '')
  }

  /** From now on it asks another worker. */
  asks(group: UpstreamGroup): void {
    this.#group = group
  }

  ask(): Travelling {
    return new Travelling(this.#group, this.#fields)
  }

  /** The request is answered, and over. Returns where it was and why. */
  hear(request: Travelling, fields = ''): string {
    const cookie = /^Set-Cookie: ([^;]+)/.exec(request.answer(fields))?.[1]
    if (cookie !== undefined) this.#fields = { cookie }
    const outcome = request.outcome!
    request.end()
    return outcome
  }

  /** Where its next request goes, and why. */
  next(): string {
    return this.hear(this.ask())
  }
}

for (const affinity of [COOKIE, LEARN]) {
  describe(`with affinity: ${affinity.type}, a session`, () => {
    const start = (more: Partial<Upstream> = {}) => {
      const group = groupOf(settingsOf(affinity, more))
      return { group, departures: group.departures, client: new Client(group, affinity) }
    }
    const liveOn = (group: UpstreamGroup, slot: number) => group.sessions.count([slot], wallSeconds()).get(slot)!.live

    test('moves with its next request, and stays there', () => {
      const { group, departures, client } = start()
      assert.equal(client.next(), 'a, stuck')
      departures.allow(A, B, 5)
      assert.equal(client.next(), 'b, moved:rebalanced')
      assert.equal(departures.stop(A), 4)
      assert.deepEqual([client.next(), client.next()], ['b, stuck', 'b, stuck'])
      assert.deepEqual([liveOn(group, A), liveOn(group, B)], [0, 1])
    })

    test('moves once, whatever worker each of its requests goes to, and each time one fewer may follow', () => {
      const [settings, scoreboard, sessions] = [settingsOf(affinity), new Scoreboard(), new SessionTable()]
      const [first, second] = [0, 1].map((worker) => groupOf(settings, sessions, scoreboard, worker)) as [
        UpstreamGroup,
        UpstreamGroup,
      ]
      const clients = Array.from({ length: 6 }, () => new Client(first, affinity))
      scoreboard.departures.allow(A, B, 4)
      for (const [index, client] of clients.entries()) client.asks(index % 2 === 0 ? first : second)
      const moved = clients.map((client) => client.next())
      assert.deepEqual(moved, [...Array(4).fill('b, moved:rebalanced'), 'a, stuck', 'a, stuck'])
    })

    test('stays while one of its requests is in flight', () => {
      const { departures, client } = start()
      const slow = client.ask()
      departures.allow(A, B, 5)
      assert.equal(client.next(), 'a, stuck')
      client.hear(slow)
      assert.equal(client.next(), 'b, moved:rebalanced')
      assert.equal(departures.stop(A), 4)
    })

    test('stays if it was seen lately, where only idle ones move', () => {
      const { departures, client } = start({ rebalance: { perHour: 1, unseenFor: 360 } })
      departures.allow(A, B, 5)
      assert.equal(client.next(), 'a, stuck')
      assert.equal(departures.stop(A), 5)
    })

    test('stays if the upstream no longer says that sessions move', () => {
      const { group, departures, client } = start()
      departures.allow(A, B, 5)
      const { rebalance: _, ...without } = group.settings
      group.apply(without)
      assert.equal(client.next(), 'a, stuck')
    })

    test('stays if the other server is full, disabled or gone', () => {
      for (const change of [{ maxConnections: 1 }, { down: true }, undefined]) {
        const { group, departures, client } = start()
        const [a, b, c] = group.settings.servers as [
          (typeof group.settings.servers)[0],
          Upstream['servers'][0],
          Upstream['servers'][0],
        ]
        group.apply({ ...group.settings, servers: change === undefined ? [a, c] : [a, { ...b, ...change }, c] })
        if (change?.maxConnections === 1) assert.ok(group.serverIn(B)!.claim(0))
        departures.allow(A, B, 5)
        assert.equal(client.next(), 'a, stuck')
        assert.equal(departures.stop(A), 5)
      }
    })

    test('is not moved by asking where it would go', () => {
      const { group, departures, client } = start()
      const scoreboard = new Scoreboard()
      scoreboard.departures.allow(A, B, 5)
      departures.allow(A, B, 5)
      client.asks(groupOf(group.settings, new ReadOnlySessions(group.sessions), scoreboard))
      assert.equal(client.ask().outcome, 'b, moved:rebalanced')
      assert.deepEqual([liveOn(group, A), liveOn(group, B)], [1, 0])
      client.asks(group)
      assert.equal(client.next(), 'b, moved:rebalanced')
    })

    test('is where it was if the other server fails the request', () => {
      const { group, departures, client } = start()
      departures.allow(A, B, 1)
      const request = client.ask()
      assert.equal(request.outcome, 'b, moved:rebalanced')
      request.fail()
      assert.equal(client.hear(request), 'a, retry')
      assert.equal(liveOn(group, B), 0)
      assert.equal(client.next(), 'a, stuck')
    })

    test('is where it was if its own server fails it too, and a third one answers', () => {
      const { departures, client } = start()
      departures.allow(A, B, 1)
      const request = client.ask()
      request.fail()
      request.fail()
      assert.equal(client.hear(request), 'c, retry')
      assert.equal(client.next(), 'a, stuck')
    })

    test('is where it was if nothing answers', () => {
      const { group, departures, client } = start()
      departures.allow(A, B, 1)
      const request = client.ask()
      assert.equal(request.outcome, 'b, moved:rebalanced')
      request.end()
      assert.equal(liveOn(group, B), 0)
      assert.equal(client.next(), 'a, stuck')
    })

    test('is followed by requests that it sends before the other server has answered', () => {
      const { departures, client } = start()
      departures.allow(A, B, 1)
      const first = client.ask()
      const others = [client.ask(), client.ask()]
      assert.deepEqual(
        [first, ...others].map(({ outcome }) => outcome!.split(',')[0]),
        ['b', 'b', 'b'],
      )
      for (const request of [...others, first]) client.hear(request)
      assert.deepEqual([client.next(), departures.stop(A)], ['b, stuck', 0])
    })
  })
}
