/** Which name has which slot on the Scoreboard, for how long, and when another name may get it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { SlotBook } from '../../src/control/slots/slot-book.ts'
import { SlotReclaimer } from '../../src/control/slots/slot-reclaimer.ts'
import { MAX_SERVERS, MAX_UPSTREAMS } from '../../src/runtime/bounds.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Snapshot } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'

/** Names of upstreams, each with the names of its servers. */
type Names = Readonly<Record<string, readonly string[]>>

/** A control plane as far as slots go: without workers, which acknowledge when the test says so. */
class Plane {
  readonly book = new SlotBook()
  readonly scoreboard = new Scoreboard()
  readonly sessions = new SessionTable()
  readonly reclaimer = new SlotReclaimer(this.book, this.scoreboard, this.sessions)
  #generation = 0

  /** Returns the slots of upstreams (`app`) and servers (`app a`). */
  adopt(names: Names): Map<string, number> {
    const listed = Object.entries(names).map(([name, servers]) => ({
      name,
      servers: servers.map((server) => ({ id: server })),
    }))
    const slots = this.book.plan(listed)
    const upstreams = listed.map(({ name, servers }) => {
      const { slot, servers: slotsOfServers } = slots.get(name)!
      return { name, slot, servers: servers.map((each) => ({ ...each, slot: slotsOfServers.get(each.id)! })) }
    })
    this.book.adopt({ generation: ++this.#generation, upstreams, routes: [] } as unknown as Snapshot)
    return new Map(
      upstreams.flatMap((upstream) => [
        [upstream.name, upstream.slot] as const,
        ...upstream.servers.map(({ id, slot }) => [`${upstream.name} ${id}`, slot] as const),
      ]),
    )
  }

  /** All workers have acknowledged the newest Snapshot. */
  acknowledge(): void {
    this.book.acknowledge(this.#generation)
  }

  reclaim(): Promise<void> {
    return this.reclaimer.reclaim()
  }

  /** Makes these the only names, and returns all slots of others that nothing refers to. */
  async settle(names: Names): Promise<Map<string, number>> {
    const slots = this.adopt(names)
    this.acknowledge()
    await this.reclaim()
    return slots
  }
}

const some = (count: number, of: string) => Array.from({ length: count }, (_, index) => `${of}${index}`)

describe('a name', () => {
  test('keeps its slot while others come before it or go', async () => {
    const plane = new Plane()
    const first = await plane.settle({ app: ['a', 'b'], api: ['a'] })
    assert.deepEqual([...first.values()].sort(), [0, 0, 1, 1, 2], 'of each kind they are counted from 0')
    const second = await plane.settle({ new: ['a'], api: ['z', 'a'], app: ['b'] })
    for (const name of ['app', 'api', 'app b', 'api a']) assert.equal(second.get(name), first.get(name), name)
  })

  test('that comes back before its slot was returned finds it, with its counters', async () => {
    const plane = new Plane()
    const first = await plane.settle({ app: ['a', 'b'] })
    const slot = first.get('app b')!
    plane.scoreboard.servers.countRequest(slot)
    plane.adopt({ app: ['a'] })
    await plane.reclaim()
    const second = await plane.settle({ app: ['b', 'a'] })
    assert.equal(second.get('app b'), slot)
    assert.equal(plane.scoreboard.servers.requests(slot), 1)
  })

  test('that comes back after that begins at zero', async () => {
    const plane = new Plane()
    const slot = (await plane.settle({ app: ['a', 'b'] })).get('app b')!
    const { scoreboard } = plane
    scoreboard.servers.countRequest(slot)
    scoreboard.servers.addFail(slot, 17)
    scoreboard.servers.setHealth(slot, 1)
    scoreboard.servers.setLatency(slot, 30, 17)
    await plane.settle({ app: ['a'] })
    assert.deepEqual(
      [
        scoreboard.servers.requests(slot),
        scoreboard.servers.fails(slot),
        scoreboard.servers.failedAt(slot),
        scoreboard.servers.health(slot),
      ],
      [0, 0, 0, 0],
    )
    assert.deepEqual([scoreboard.servers.latency(slot), scoreboard.servers.answeredAt(slot)], [0, 0])
  })

  test('of an upstream that comes back after that begins at zero, too', async () => {
    const plane = new Plane()
    const slot = (await plane.settle({ app: ['a'], api: ['a'] })).get('api')!
    plane.scoreboard.upstreams.nextTurn(slot)
    plane.scoreboard.upstreams.bumpEpoch(slot)
    await plane.settle({ app: ['a'] })
    assert.equal(plane.scoreboard.upstreams.epoch(slot), 0)
    assert.equal(plane.scoreboard.upstreams.nextTurn(slot), 0)
  })
})

describe('a slot is not given to another name', () => {
  /** Upstream `app` with `old` gone; resolves to whether its slot was returned. */
  async function isReturned(plane: Plane): Promise<boolean> {
    await plane.reclaim()
    return !plane.book.hasRetired
  }

  async function gone(): Promise<{ plane: Plane; slot: number; upstream: number }> {
    const plane = new Plane()
    const slots = await plane.settle({ app: ['a', 'old'] })
    return { plane, slot: slots.get('app old')!, upstream: slots.get('app')! }
  }

  test('before every worker has acknowledged a Snapshot without the old one', async () => {
    const { plane } = await gone()
    plane.adopt({ app: ['a'] })
    assert.equal(await isReturned(plane), false)
    plane.acknowledge()
    assert.equal(await isReturned(plane), true)
  })

  test('before they have acknowledged the last removal, where it came back in between', async () => {
    const { plane } = await gone()
    plane.adopt({ app: ['a'] })
    plane.acknowledge()
    plane.adopt({ app: ['a', 'old'] })
    plane.adopt({ app: ['a'] })
    assert.equal(await isReturned(plane), false)
    plane.acknowledge()
    assert.equal(await isReturned(plane), true)
  })

  test('while an exchange is in flight on it', async () => {
    const { plane, slot } = await gone()
    plane.scoreboard.servers.acquire(slot, 3, 0)
    await plane.settle({ app: ['a'] })
    assert.equal(await isReturned(plane), false)
    plane.scoreboard.servers.release(slot, 3)
    assert.equal(await isReturned(plane), true)
  })

  test('while an exchange is in flight on it in a worker that then dies', async () => {
    const { plane, slot } = await gone()
    plane.scoreboard.servers.acquire(slot, 3, 0)
    await plane.settle({ app: ['a'] })
    assert.equal(await isReturned(plane), false)
    plane.scoreboard.forget(3)
    assert.equal(await isReturned(plane), true)
  })

  test('while a request waits for it', async () => {
    const { plane, slot, upstream } = await gone()
    plane.scoreboard.queues.beginWait(upstream, slot, 0, 10)
    await plane.settle({ app: ['a'] })
    assert.equal(await isReturned(plane), false)
    plane.scoreboard.queues.endWait(upstream, slot, 0)
    assert.equal(await isReturned(plane), true)
  })

  for (const last of ['waits for any of its servers', 'is in flight on one of its servers']) {
    test(`of an upstream, while a request ${last}`, async () => {
      const plane = new Plane()
      const slots = await plane.settle({ app: ['a'], old: ['a'] })
      const [upstream, server] = [slots.get('old')!, slots.get('old a')!]
      plane.scoreboard.queues.beginWait(upstream, undefined, 0, 10)
      plane.scoreboard.servers.acquire(server, 0, 0)
      await plane.settle({ app: ['a'] })
      assert.equal(await isReturned(plane), false)
      const ends = [
        () => plane.scoreboard.queues.endWait(upstream, undefined, 0),
        () => plane.scoreboard.servers.release(server, 0),
      ]
      const [first, second] = last.startsWith('waits') ? ends.toReversed() : ends
      first!()
      assert.equal(await isReturned(plane), false)
      second!()
      assert.equal(await isReturned(plane), true)
    })
  }

  test('before the sessions of the old one are removed; those of others stay', async () => {
    const { plane, slot } = await gone()
    const now = wallSeconds()
    for (let id = 1; id <= 20_000; id++) plane.sessions.put(id, id * 7919, id % 2 === 0 ? slot : slot - 1, now)
    await plane.settle({ app: ['a'] })
    assert.equal(await isReturned(plane), true)
    for (let id = 1; id <= 20_000; id++)
      assert.equal(plane.sessions.find(id, id * 7919, now), id % 2 === 0 ? -1 : slot - 1)
    assert.equal(plane.sessions.count([slot], now).get(slot)!.live, 0)
  })

  test('if the old one comes back while its sessions are swept', async () => {
    const { plane, slot } = await gone()
    // Parts of the table without a session are not looked through.
    for (let id = 1; id <= 20_000; id++) plane.sessions.put(id, id * 7919, slot, wallSeconds())
    plane.adopt({ app: ['a'] })
    plane.acknowledge()
    const swept = plane.reclaim()
    await turn()
    assert.equal(plane.book.forgottenServers().length, 1, 'the sweep is under way')
    const back = plane.adopt({ app: ['a', 'old', 'new'] })
    await swept
    assert.equal(back.get('app old'), slot)
    const again = plane.adopt({ app: ['a', 'old', 'new', 'newer'] })
    assert.equal(again.get('app old'), slot)
    assert.equal(new Set([...again].filter(([name]) => name !== 'app').map(([, slot]) => slot)).size, 4)
  })
})

describe('threads that once waited are notified when the slot is returned, and take no notification from the next owner:', () => {
  /** Resolves once whatever was notified has been settled. */
  const settled = async () => {
    for (let i = 0; i < 10; i++) await turn()
  }

  test('of a place on a server', async () => {
    const plane = new Plane()
    const slots = await plane.settle({ app: ['a', 'old'], api: ['a'] })
    const { queues } = plane.scoreboard
    const [slot, app, api] = [slots.get('app old')!, slots.get('app')!, slots.get('api')!]
    const heard: string[] = []
    queues.untilPlace(app, slot).then(() => heard.push('old'))
    await plane.settle({ app: ['a'], api: ['a'] })
    queues.beginWait(api, slot, 0, 10)
    queues.untilPlace(api, slot).then(() => heard.push('new'))
    queues.wakeOne(slot, api)
    await settled()
    assert.deepEqual(heard, ['old', 'new'])
  })

  test('of a place on any server of an upstream', async () => {
    const plane = new Plane()
    const slots = await plane.settle({ app: ['a'], old: ['a'] })
    const { queues } = plane.scoreboard
    const slot = slots.get('old')!
    const heard: string[] = []
    queues.untilPlace(slot, undefined).then(() => heard.push('old'))
    await plane.settle({ app: ['a'] })
    queues.beginWait(slot, undefined, 0, 10)
    queues.untilPlace(slot, undefined).then(() => heard.push('new'))
    queues.wakeOne(slots.get('app a')!, slot)
    await settled()
    assert.deepEqual(heard, ['old', 'new'])
  })

  test('of another epoch of an upstream, though nobody waits there any more', async () => {
    const plane = new Plane()
    const slot = (await plane.settle({ app: ['a'], old: ['a'] })).get('old')!
    const heard: string[] = []
    plane.scoreboard.upstreams.untilEpoch(slot).then(() => heard.push('old'))
    await plane.settle({ app: ['a'] })
    await settled()
    assert.deepEqual(heard, ['old'])
  })
})

test('slots are returned without another configuration, once nothing refers to them', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const plane = new Plane()
  const slot = (await plane.settle({ app: ['a', 'old'] })).get('app old')!
  plane.scoreboard.servers.acquire(slot, 0, 0)
  plane.adopt({ app: ['a'] })
  plane.acknowledge()
  plane.reclaimer.watch()
  t.mock.timers.tick(1000)
  await plane.reclaim()
  assert.equal(plane.book.hasRetired, true)
  plane.scoreboard.servers.release(slot, 0)
  while (plane.book.hasRetired) {
    await turn()
    t.mock.timers.tick(1000)
  }
  plane.reclaimer.close()
})

describe('slots are not used up', () => {
  test('by far more servers over time than there are slots', async () => {
    const plane = new Plane()
    const at = 6000
    for (let turn = 0; turn < 8; turn++) {
      const slots = await plane.settle({ app: ['stays', ...some(at, `s${turn}-`)] })
      assert.equal(slots.get('app stays'), 0)
      assert.equal(slots.size, at + 2)
      assert.ok([...slots.values()].every((slot) => slot < MAX_SERVERS))
    }
  })

  test('by far more upstreams over time than there are slots', async () => {
    const plane = new Plane()
    for (let turn = 0; turn < 6; turn++) {
      const names = some(1500, `u${turn}-`).map((name) => [name, ['a']] as const)
      const slots = await plane.settle(Object.fromEntries(names))
      assert.ok(names.every(([name]) => slots.get(name)! < MAX_UPSTREAMS))
    }
  })

  test('and if all are in use, a configuration that needs more is refused before anything changes', async () => {
    const plane = new Plane()
    const full = { app: some(MAX_SERVERS, 's') }
    const before = await plane.settle(full)
    const [held] = [before.get('app s7')!]
    plane.scoreboard.servers.acquire(held, 0, 0)
    const fewer = { app: full.app.slice(10) }
    assert.throws(() => plane.adopt({ app: [...full.app.slice(1), 'new'] }), {
      name: 'ConfigError',
      message:
        'upstreams: expected at most 0 new servers at present, found 1: removed ones keep their place until their last ' +
        'requests have ended (remove servers first and add new ones a little later, or restart Limpet)\n1 problem in the configuration',
    })
    assert.deepEqual(plane.adopt(full), before, 'nothing was taken or given away')
    await plane.settle(fewer)
    assert.throws(
      () => plane.adopt({ app: [...fewer.app, ...some(10, 'new')] }),
      /at most 9 new servers at present, found 10:/,
    )
    plane.scoreboard.servers.release(held, 0)
    await plane.reclaim()
    assert.equal(plane.adopt({ app: [...fewer.app, ...some(10, 'new')] }).size, MAX_SERVERS + 1)
  })

  test('of upstreams likewise', async () => {
    const plane = new Plane()
    const all = some(MAX_UPSTREAMS, 'u').map((name) => [name, ['a']] as const)
    await plane.settle(Object.fromEntries(all))
    assert.throws(
      () => plane.adopt(Object.fromEntries([...all.slice(1), ['new', ['a']]])),
      /upstreams: expected at most 0 new upstreams at present, found 1:/,
    )
  })
})

/** Any use of few names, against a model of what each slot may be given to. */
test('no two names in use ever share a slot, and a name in use keeps its own', async () => {
  const upstreams = ['u', 'v', 'w']
  const servers = ['a', 'b', 'c', 'd']
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ names: fc.dictionary(fc.constantFrom(...upstreams), fc.subarray(servers)) }) },
    fc.record({ acknowledge: fc.constant(true) }),
    fc.record({ reclaim: fc.constant(true) }),
    {
      weight: 2,
      arbitrary: fc.record({ begin: fc.tuple(fc.constantFrom(...upstreams), fc.constantFrom(...servers)) }),
    },
    fc.record({ end: fc.nat() }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const plane = new Plane()
      let current = plane.adopt({})
      /** Exchanges in flight: the server, and its slot. */
      const inFlight: (readonly [name: string, slot: number])[] = []
      for (const step of steps) {
        if ('names' in step) {
          const before = current
          current = plane.adopt(step.names)
          for (const [name, slot] of before) if (current.has(name)) assert.equal(current.get(name), slot, name)
          const slots = [...current].filter(([name]) => name.includes(' '))
          const inUse = [...slots, ...inFlight]
          for (const [name, slot] of inUse) {
            for (const [other, its] of inUse) assert.ok(name === other || slot !== its, `${name} and ${other}`)
          }
        } else if ('acknowledge' in step) plane.acknowledge()
        else if ('reclaim' in step) await plane.reclaim()
        else if ('begin' in step) {
          const name = step.begin.join(' ')
          const slot = current.get(name)
          if (slot === undefined) continue
          plane.scoreboard.servers.acquire(slot, 0, 0)
          inFlight.push([name, slot])
        } else if (inFlight.length > 0) {
          const [[, slot]] = inFlight.splice(step.end % inFlight.length, 1) as [readonly [string, number]]
          plane.scoreboard.servers.release(slot, 0)
        }
      }
      for (const [, slot] of inFlight) plane.scoreboard.servers.release(slot, 0)
      await plane.settle({})
      assert.equal(plane.book.hasRetired, false)
    }),
    { numRuns: 60 },
  )
})
