/** An upstream at work while its settings change: what becomes of requests that wait, or are in flight. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ServerState } from '../../src/balancing/server-state.ts'
import { Failure } from '../../src/exchange/failure.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Affinity, Upstream } from '../../src/runtime/snapshot.ts'

import { A, APP, B, BY_HEADER, C, COOKIE, groupOf, LEARN, sessionIn, Travelling } from './travelling.ts'

/** Resolves once whatever was notified has been settled. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
}

/** The upstream without the server of that name. */
const without = (name: string, settings = APP) => ({
  ...settings,
  servers: settings.servers.filter((server) => server.name !== name),
})

describe('a session that waits for its server', () => {
  for (const [onLost, outcome] of [
    ['move', 'b, moved:removed'],
    ['refuse', 'session-lost, refused:removed'],
  ] as const) {
    test(`is decided again when that is removed (onLost: ${onLost})`, () => {
      const settings = { ...APP, affinity: { ...COOKIE, onLost } }
      const group = groupOf(settings)
      const { cookie } = sessionIn(group)
      const busy = new Travelling(group, { cookie })
      const waiting = new Travelling(group, { cookie })
      assert.deepEqual([busy.outcome, waiting.outcome], ['a, stuck', undefined])
      group.apply(without('a', settings))
      assert.equal(waiting.outcome, outcome)
      assert.equal(waiting.placement.refused(false).startsWith('Set-Cookie: user=; '), onLost === 'refuse')
      assert.ok(!waiting.ticket!.isValid)
      assert.equal(busy.outcome, 'a, stuck')
      busy.end()
    })
  }

  test('waits with all others of its server for any, when that is removed and all the rest are full', () => {
    const group = groupOf(APP)
    const { cookie } = sessionIn(group)
    const busy = [new Travelling(group, { cookie }), new Travelling(group)]
    const waiting = Array.from({ length: 3 }, () => new Travelling(group, { cookie }))
    group.apply(without('a'))
    assert.deepEqual(
      waiting.map(({ outcome, ticket }) => [outcome, ticket!.isValid]),
      waiting.map(() => [undefined, true]),
    )
    assert.ok(!group.queue.isAwaited(group.servers[0]))
    group.apply({ ...APP, servers: [{ ...B, maxConnections: 3 }] })
    assert.deepEqual(
      waiting.map(({ outcome }) => outcome),
      ['b, moved:removed', 'b, moved:removed', undefined],
    )
    busy[1]!.end()
    waiting[2]!.ticket!.leave()
  })

  test('goes on waiting while other things of it change, and is served there', async () => {
    const group = groupOf(APP)
    const { cookie } = sessionIn(group)
    const busy = new Travelling(group, { cookie })
    const waiting = new Travelling(group, { cookie })
    group.apply({
      ...structuredClone(APP),
      servers: [B, { ...A, weight: 9, drain: true, address: '10.0.0.1:80' }, C],
      queue: { size: 0, timeout: 1 },
    })
    assert.equal(waiting.outcome, undefined)
    busy.end()
    while (waiting.ticket!.isValid) await new Promise(setImmediate)
    assert.equal(waiting.outcome, 'a, stuck')
  })
})

test('a request that waits for any server goes to one that is added', () => {
  const group = groupOf(APP)
  const busy = [new Travelling(group), new Travelling(group)]
  const waiting = [new Travelling(group), new Travelling(group)]
  group.apply({ ...APP, servers: [A, B, C] })
  assert.deepEqual(
    [...busy, ...waiting].map(({ outcome }) => outcome),
    ['a, new', 'b, new', 'c, new', undefined],
  )
})

test('all that wait for a server of an upstream that is removed end, and so does what comes after', () => {
  for (const onLost of ['move', 'refuse'] as const) {
    const group = groupOf({ ...APP, affinity: { ...COOKIE, onLost } })
    const { cookie } = sessionIn(group)
    const busy = [new Travelling(group, { cookie }), new Travelling(group)]
    const waiting = [new Travelling(group, { cookie }), new Travelling(group)]
    group.retire()
    for (const { at, ticket } of waiting)
      assert.ok(at instanceof Failure && at.code === 'no-server' && !ticket!.isValid)
    assert.ok((new Travelling(group).at as Failure).code === 'no-server')
    for (const one of busy) one.end()
  }
})

for (const [what, fields] of [
  ['any server', {}],
  ['its server', { 'x-user': 'u' }],
] as const) {
  test(`a request that waits for ${what} of an upstream that came back is served, though others waited there before`, async () => {
    const settings = { ...APP, affinity: BY_HEADER, servers: [A] }
    const scoreboard = new Scoreboard()
    const before = groupOf(settings, new SessionTable(), scoreboard)
    const busy = new Travelling(before, fields)
    const early = new Travelling(before, fields)
    before.retire()
    assert.equal((early.at as Failure).code, 'no-server')
    // It still has an exchange in flight, so that it comes back to its slots.
    const waiting = new Travelling(groupOf(settings, new SessionTable(), scoreboard), fields)
    busy.end()
    await settled()
    assert.match(waiting.outcome ?? 'waits', /^a, /)
  })
}

describe('a request that waits for a place on a server that had no limit before gets it', () => {
  const [limited, unlimited] = [1, 0].map((maxConnections) => ({ ...APP, servers: [{ ...A, maxConnections }] }))

  test('when another worker gives it back before it knows of the limit', async () => {
    const scoreboard = new Scoreboard()
    const [one, other] = [0, 1].map((worker) => groupOf(unlimited!, new SessionTable(), scoreboard, worker))
    const busy = new Travelling(other!)
    one!.apply(limited!)
    const waiting = new Travelling(one!)
    busy.end()
    other!.apply(limited!)
    await settled()
    assert.equal(waiting.outcome, 'a, new')
  })

  test('when it is back after it was removed', async () => {
    const group = groupOf(unlimited!)
    const busy = new Travelling(group)
    group.apply({ ...APP, servers: [B] })
    group.apply(limited!)
    const waiting = new Travelling(group)
    assert.equal(waiting.outcome, undefined)
    busy.end()
    await settled()
    assert.equal(waiting.outcome, 'a, new')
  })
})

describe('an answer of a server that was removed meanwhile', () => {
  test('begins no session there', () => {
    const group = groupOf(APP)
    const first = new Travelling(group)
    group.apply(without('a'))
    assert.deepEqual([first.outcome, first.answer()], ['a, new', ''])
    first.end()
    const sessions = new SessionTable()
    const learning = groupOf({ ...APP, affinity: LEARN }, sessions)
    const second = new Travelling(learning, { 'x-session': 'mine' })
    const { name, slot } = (second.at as ServerState).settings
    learning.apply(without(name, { ...APP, affinity: LEARN }))
    second.answer('X-Session: mine\r\n')
    second.end()
    assert.equal(sessions.count([slot], wallSeconds()).get(slot)!.live, 0)
  })
})

describe('a session', () => {
  test('is on its server again once that has another address, and moves once it is gone', () => {
    const group = groupOf(APP)
    const { cookie, home } = sessionIn(group)
    const outcome = () => {
      const request = new Travelling(group, { cookie })
      const { outcome } = request
      request.end()
      return outcome
    }
    group.apply({ ...APP, servers: [{ ...A, address: '10.0.0.1:80', weight: 3 }, B] })
    assert.deepEqual([outcome(), home], ['a, stuck', 'a'])
    group.apply(without('a'))
    assert.equal(outcome(), 'b, moved:removed')
    group.apply({ ...APP, servers: [C, B, { ...A, slot: 7 }] })
    assert.equal(outcome(), 'a, stuck')
  })

  test('that another kind of affinity read means nothing to the one that is there when its server answers', () => {
    const kinds = [COOKIE, LEARN, BY_HEADER, { ...BY_HEADER, type: 'ip-hash' } as Affinity, undefined]
    for (const before of kinds) {
      for (const now of kinds) {
        const of = (affinity: Affinity | undefined): Upstream => {
          const { affinity: _, ...rest } = APP
          return affinity === undefined ? rest : { ...rest, affinity }
        }
        const group = groupOf(of(before))
        const fields = { 'x-user': 'u', 'x-session': 's' }
        const busy = [new Travelling(group, fields), new Travelling(group, fields)]
        const waiting = new Travelling(group, fields)
        group.apply(of(now))
        if (before?.type !== now?.type) for (const one of busy) if (one.at !== undefined) assert.equal(one.answer(), '')
        for (const one of busy) if (one.at !== undefined) one.end()
        group.apply({ ...of(now), servers: [A, B, C].map((server) => ({ ...server, maxConnections: 9 })) })
        assert.ok(waiting.at !== undefined && !(waiting.at instanceof Failure), `${before?.type} ${now?.type}`)
        assert.equal(waiting.placement.reason === 'expired', before?.type === 'learn' && now?.type === 'learn')
        const next = new Travelling(group, fields)
        if (now?.type === 'cookie') assert.match(next.answer(), /^Set-Cookie: user=/)
      }
    }
  })
})

test('settings without a change leave all as it is', () => {
  const group = groupOf(APP)
  const { policy, affinity, queue } = group
  const servers = [...group.servers]
  const { cookie } = sessionIn(group)
  group.apply(structuredClone(APP))
  assert.deepEqual([group.policy, group.affinity, group.queue], [policy, affinity, queue])
  for (const [index, server] of group.servers.entries()) assert.equal(server, servers[index])
  const again = new Travelling(group, { cookie })
  assert.deepEqual([again.outcome, again.answer()], ['a, stuck', ''])
  again.end()
  assert.equal(new Travelling(group).outcome, 'b, new', 'the turns go on')
})
