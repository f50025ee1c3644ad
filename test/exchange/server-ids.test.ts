/** Sessions whose ids name their server, through whatever becomes of that server, without sockets. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { UpstreamGroup } from '../../src/exchange/upstream-group.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'
import type { Affinity, Server, Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'
import { Dice } from '../support/dice.ts'
import { seed } from '../support/seed.ts'
import { APP, groupOf, Travelling } from './travelling.ts'

const SERVER_ID: Affinity = {
  type: 'server-id',
  from: [{ from: 'cookie', name: 'sid' }],
  position: 'suffix',
  separator: '.',
  idle: 0,
  onLost: 'move',
}
const SERVERS = serversWith([{ name: 'a' }, { name: 'b' }, { name: 'c' }])

const settingsOf = (change: Partial<Server> = {}, more: Partial<Upstream> = {}): Upstream => ({
  ...APP,
  affinity: SERVER_ID,
  retries: { tries: 3, within: 0 },
  servers: SERVERS.map((server) => (server.name === 'a' ? { ...server, ...change } : server)),
  ...more,
})

/** Where a request with that session id goes, and why. Its server answers, and gives no other id. */
function visit(group: UpstreamGroup, id: string): string {
  const request = new Travelling(group, { cookie: `sid=${id}` })
  const { outcome } = request
  request.answer()
  request.end()
  return outcome!
}

const liveOn = (group: UpstreamGroup, name: string) => {
  const { slot } = SERVERS.find((server) => server.name === name)!
  return group.sessions.count([slot], wallSeconds()).get(slot)!.live
}

describe('a session whose id names its server', () => {
  test('is on it from its first request on, whatever the weights are', () => {
    const group = groupOf(settingsOf({ weight: 1000 }))
    for (const name of ['a', 'b', 'c', 'b']) assert.equal(visit(group, `1.${name}`), `${name}, stuck`)
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => liveOn(group, name)),
      [1, 1, 1],
    )
  })

  test('is served elsewhere while its server is away, always by the same one, and counts where it belongs', () => {
    const group = groupOf(settingsOf())
    assert.equal(visit(group, '1.a'), 'a, stuck')
    group.apply(settingsOf({ away: true }))
    const place = visit(group, '1.a')
    assert.match(place, /^[bc], away$/)
    assert.equal(visit(group, '1.a'), place)
    assert.deepEqual([liveOn(group, 'a'), liveOn(group, 'b') + liveOn(group, 'c')], [1, 0])
    group.apply(settingsOf())
    assert.equal(visit(group, '1.a'), 'a, stuck')
  })

  test('stays where it is if one request fails', () => {
    const group = groupOf(settingsOf())
    const request = new Travelling(group, { cookie: 'sid=1.a' })
    request.fail()
    assert.match(request.outcome!, /^[bc], retry$/)
    request.answer()
    request.end()
    assert.equal(visit(group, '1.a'), 'a, stuck')
  })

  test('waits for a place on its server', () => {
    const group = groupOf(settingsOf({ maxConnections: 1 }))
    const first = new Travelling(group, { cookie: 'sid=1.a' })
    const second = new Travelling(group, { cookie: 'sid=2.a' })
    assert.equal(second.at, undefined)
    assert.ok(second.ticket !== undefined)
    first.answer()
    first.end()
    assert.equal(visit(group, '3.b'), 'b, stuck')
  })

  test('goes to its server where that may serve it, and else to the same other one by every replica', () => {
    const dice = new Dice(seed)
    const ids = Array.from({ length: 30 }, (_, index) => `${index}.${['a', 'b', 'c', 'gone'][index % 4]}`)
    for (let round = 0; round < 40; round++) {
      const servers = SERVERS.map((server) => {
        const state = dice.below(5)
        return { ...server, down: state === 1, drain: state === 2, ...(state === 3 && { away: true as const }) }
      })
      if (servers.every(({ down, drain, away }) => down || drain || away)) continue
      // Each begins with an empty table, as after a restart without its state.
      const replicas = [groupOf({ ...settingsOf(), servers }), groupOf({ ...settingsOf(), servers })]
      for (const id of ids) {
        const home = servers.find(({ name }) => id.endsWith(`.${name}`))
        const [first, second] = replicas.map((group) => visit(group, id))
        assert.equal(first, second)
        const reason = home === undefined ? 'moved:removed' : home.down ? 'moved:down' : home.away ? 'away' : undefined
        if (reason === undefined) assert.equal(first, `${home!.name}, stuck`)
        else {
          assert.match(first!, new RegExp(`^[abc], ${reason}$`))
          assert.notEqual(first![0], home?.name)
          assert.equal(visit(replicas[0]!, id)[0], first![0], 'and again')
        }
      }
    }
  })
})
