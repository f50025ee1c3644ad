/** The session table: its capacity, its evictions, and the exactness of its counts. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { SESSION_BUCKETS, SESSIONS_IN_BUCKET } from '../../src/runtime/bounds.ts'
import { PARTS } from '../../src/runtime/session-table/layout.ts'
import type { SavedSession } from '../../src/runtime/session-table/session-entries.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import { SipHash } from '../../src/runtime/sip-hash.ts'
import type { Upstream } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import type { Hammering } from './session-table-hammer.ts'

const NOW = 1_700_000_000
const IDLE = 100
const WAYS = SESSIONS_IN_BUCKET
/** The index of the first bucket's lock, in units of Int32. */
const LOCKS_AT = SESSION_BUCKETS * WAYS * 6
/** A known hash key, so that the test can make ids that share a bucket. */
const KEY = new Uint8Array(16).fill(7)

function tableOf(servers: number, idle = IDLE, memory?: SharedArrayBuffer): SessionTable {
  const table = memory === undefined ? SessionTable.withKey(KEY) : new SessionTable(memory)
  const upstream = {
    affinity: { type: 'ip-hash', idle: idle * 1000, onLost: 'move' },
    servers: Array.from({ length: servers }, (_, slot) => ({ slot })),
  }
  table.apply([upstream as unknown as Upstream])
  return table
}

function sessionsOf(table: SessionTable): SavedSession[] {
  return Array.from({ length: PARTS }, (_, part) => [...table.saved.sessions(part, NOW)]).flat()
}

type Id = [high: number, low: number]

/** About sixty ids for each of the first buckets, found by trial. */
const idsByBucket = meetingIds(6, 60 * SESSION_BUCKETS)

function meetingIds(buckets: number, tries: number): readonly (readonly Id[])[] {
  const hash = new SipHash(KEY)
  const found: Id[][] = Array.from({ length: buckets }, () => [])
  for (let high = 1; high <= tries; high++) {
    hash.hashPair(high, 1)
    found[(hash.low >>> 0) % SESSION_BUCKETS]?.push([high, 1])
  }
  return found
}

/** The n-th id of a bucket. */
function idIn(bucket: number, n: number): Id {
  return idsByBucket[bucket]![n]!
}

/** 32 pseudo-random bits that are the same in every run (Steele et al., SplitMix). */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    yield mixed ^ (mixed >>> 15)
  }
}

describe('a million sessions', () => {
  test('fit in 64 MB, except for a hundred at most', (t) => {
    const table = tableOf(2)
    assert.ok(table.memory.byteLength <= 64_000_000)
    const random = numbers(1)
    const next = () => random.next().value
    const ids = Array.from({ length: 1_000_000 }, (): [number, number] => [next(), next() || 1])
    for (const [index, [high, low]] of ids.entries()) table.put(high, low, index % 2, NOW)
    const before = performance.now()
    const counts = table.count([0, 1], NOW)
    t.diagnostic(`counted in ${Math.round(performance.now() - before)} ms`)
    const live = counts.get(0)!.live + counts.get(1)!.live
    t.diagnostic(`${1_000_000 - live} of a million were given up`)
    assert.ok(live >= 999_900, `${live} are live`)
    const found = ids.filter(([high, low], index) => table.find(high, low, NOW) === index % 2).length
    assert.equal(found, live)
  })
})

describe('a full bucket', () => {
  test('evicts an expired session before a live one', () => {
    const table = tableOf(1)
    for (let n = 0; n < WAYS; n++) table.put(...idIn(5, n), 0, n === 7 ? NOW - IDLE - 1 : NOW)
    table.put(...idIn(5, WAYS), 0, NOW)
    for (let n = 0; n <= WAYS; n++) assert.equal(table.find(...idIn(5, n), NOW), n === 7 ? -1 : 0, `session ${n}`)
  })

  test('evicts a session that was used once before older ones that were used again', () => {
    const table = tableOf(1)
    for (let n = 0; n < WAYS; n++) {
      table.put(...idIn(5, n), 0, NOW - 50)
      table.put(...idIn(5, n), 0, NOW - 20)
    }
    for (const latest of [WAYS, WAYS + 1]) table.put(...idIn(5, latest), 0, NOW)
    assert.equal(table.find(...idIn(5, WAYS), NOW), -1)
    assert.equal(table.find(...idIn(5, WAYS + 1), NOW), 0)
  })

  test('keeps every session with an exchange in flight, and then has no room for another', () => {
    const table = tableOf(1)
    const visits = Array.from({ length: WAYS }, (_, n) => table.enter(...idIn(5, n), 0, NOW - 10 * IDLE))
    assert.equal(table.enter(...idIn(5, WAYS), 0, NOW), -1)
    assert.deepEqual(table.count([0], NOW).get(0), { live: WAYS, active: WAYS, oldest: NOW - 10 * IDLE })
    table.leave(visits[3]!, ...idIn(5, 3), NOW)
    assert.ok(table.enter(...idIn(5, WAYS), 0, NOW) >= 0)
    assert.equal(table.find(...idIn(5, 3), NOW), -1)
  })

  test('does not reuse the entry of a session that was removed during an exchange', () => {
    const table = tableOf(2)
    const visits = Array.from({ length: WAYS }, (_, n) => table.enter(...idIn(5, n), 0, NOW))
    table.remove(...idIn(5, 3))
    assert.equal(table.find(...idIn(5, 3), NOW), -1)
    assert.equal(table.enter(...idIn(5, WAYS), 1, NOW), -1)
    table.leave(visits[3]!, ...idIn(5, 3), NOW)
    assert.ok(table.enter(...idIn(5, WAYS), 1, NOW) >= 0)
    assert.deepEqual(table.count([1], NOW).get(1), { live: 1, active: 1, oldest: NOW })
  })
})

test('knows which sessions were ended, until they begin again, in this run and in the next; a server that goes ends none', () => {
  const step = fc.record({
    what: fc.constantFrom('enter', 'leave', 'remove', 'remove', 'sweep', 'restart'),
    id: fc.nat(5),
    server: fc.nat(2),
  })
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    let table = tableOf(3)
    const visits = new Map<number, number[]>()
    const ended = new Set<number>()
    const homes = new Map<number, number>()
    for (const [index, { what, id, server }] of steps.entries()) {
      const now = NOW + index
      const [high, low] = [id - 3, id + 1]
      switch (what) {
        case 'enter':
          visits.set(id, [...(visits.get(id) ?? []), table.enter(high, low, server, now)])
          homes.set(id, server)
          ended.delete(id)
          break
        case 'leave': {
          const visit = visits.get(id)?.pop()
          if (visit !== undefined) table.leave(visit, high, low, now)
          break
        }
        case 'remove':
          table.remove(high, low, now)
          if (homes.delete(id)) ended.add(id)
          break
        case 'sweep': {
          // What becomes of an ended session's entry is of no matter, as long as no live one counts as ended.
          for (let part = 0; part < PARTS; part++) table.sweep(part, new Set([server]))
          for (const [swept, home] of homes) if (home === server) homes.delete(swept)
          for (const each of ended) if (!table.isEnded(each - 3, each + 1)) ended.delete(each)
          break
        }
        case 'restart': {
          const next = tableOf(3)
          const kept = Array.from({ length: PARTS }, (_, part) => [...table.saved.sessions(part, now)]).flat()
          // The state of a session whose server is gone is not saved (KeptServers).
          for (const saved of kept)
            if (homes.has(saved.high + 3) || ended.has(saved.high + 3)) next.saved.restore(saved, now)
          table = next
          visits.clear()
        }
      }
      for (let each = 0; each < 6; each++) {
        assert.equal(table.isEnded(each - 3, each + 1), ended.has(each), `session ${each} after step ${index}: ${what}`)
        assert.equal(table.find(each - 3, each + 1, now), homes.get(each) ?? -1)
      }
    }
  })
  fc.assert(property, { numRuns: 100 })
})

/** A model of the table, for a few sessions that never share a bucket. */
class Model {
  readonly sessions = new Map<number, { server: number; seenAt: number; begunAt: number; visits: number[] }>()

  isLive(id: number, now: number): boolean {
    const session = this.sessions.get(id)
    return session !== undefined && (session.visits.length > 0 || now - session.seenAt <= IDLE)
  }

  see(id: number, server: number, now: number) {
    const known = this.sessions.get(id)
    const session = known ?? { server, seenAt: now, begunAt: now, visits: [] }
    if (!this.isLive(id, now)) session.begunAt = now
    session.server = server
    session.seenAt = now
    this.sessions.set(id, session)
    return session
  }

  count(server: number, now: number) {
    const live = [...this.sessions].filter(([id, s]) => s.server === server && this.isLive(id, now)).map(([, s]) => s)
    const oldest = live.length === 0 ? 0 : Math.min(...live.map(({ begunAt }) => begunAt))
    return { live: live.length, active: live.filter(({ visits }) => visits.length > 0).length, oldest }
  }
}

test('counts live and active sessions, and the oldest, exactly', () => {
  const step = fc.record({
    what: fc.constantFrom('enter', 'leave', 'put', 'remove', 'wait'),
    id: fc.nat(7),
    server: fc.nat(2),
    seconds: fc.integer({ min: 1, max: IDLE + 20 }),
  })
  const memory = new SessionTable().memory
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const table = tableOf(3, IDLE, memory)
    const model = new Model()
    let now = NOW
    for (const { what, id, server, seconds } of steps) {
      const [high, low] = [id - 3, id + 1]
      const session = model.sessions.get(id)
      switch (what) {
        case 'enter': {
          const visit = table.enter(high, low, server, now)
          assert.ok(visit >= 0)
          model.see(id, server, now).visits.push(visit)
          break
        }
        case 'leave': {
          const visit = session?.visits.pop()
          if (visit === undefined) break
          table.leave(visit, high, low, now)
          session!.seenAt = now
          break
        }
        case 'put':
          table.put(high, low, server, now)
          model.see(id, server, now)
          break
        case 'remove':
          table.remove(high, low)
          for (const visit of session?.visits ?? []) table.leave(visit, high, low, now)
          model.sessions.delete(id)
          break
        case 'wait':
          now += seconds
      }
      for (const slot of [0, 1, 2]) assert.deepEqual(table.count([slot], now).get(slot), model.count(slot, now))
      assert.equal(table.find(high, low, now), model.isLive(id, now) ? model.sessions.get(id)!.server : -1)
    }
    for (const [id, { visits }] of model.sessions) for (const visit of visits) table.leave(visit, id - 3, id + 1, now)
    for (let id = 0; id < 8; id++) table.remove(id - 3, id + 1)
    assert.deepEqual(table.count([0], now).get(0), { live: 0, active: 0, oldest: 0 })
  })
  fc.assert(property, { numRuns: 20 })
})

async function hammer(work: Hammering): Promise<number> {
  const worker = new Worker(new URL('./session-table-hammer.ts', import.meta.url), { workerData: work })
  // A busy main thread gets both messages at once.
  const [[refused]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  return refused as number
}

describe('several threads on the same sessions', () => {
  const rounds = 100_000
  /** `count` ids for each of four buckets. */
  const idsOf = (ways: number) => [1, 2, 3, 4].flatMap((bucket) => idsByBucket[bucket]!.slice(0, ways))

  test('leave exact counts', async () => {
    const table = tableOf(3)
    const ids = idsOf(WAYS)
    const threads = [0, 1, 2].map((thread) => hammer({ rounds, memory: table.memory, thread, ids }))
    assert.deepEqual(await Promise.all(threads), [0, 0, 0])
    const counts = [...table.count([0, 1, 2], NOW).values()]
    assert.equal(
      counts.reduce((sum, { live }) => sum + live, 0),
      ids.length,
    )
    for (const { active } of counts) assert.equal(active, 0)
    assert.equal(sessionsOf(table).length, ids.length)
  })

  test('also if they evict each other from full buckets', async () => {
    const table = tableOf(3)
    const buckets = 4
    const threads = [0, 1, 2].map((thread) => hammer({ rounds, memory: table.memory, thread, ids: idsOf(2 * WAYS) }))
    await Promise.all(threads)
    const counts = [...table.count([0, 1, 2], NOW).values()]
    assert.equal(
      counts.reduce((sum, { live }) => sum + live, 0),
      buckets * WAYS,
    )
    for (const { active } of counts) assert.equal(active, 0)
    const ids = sessionsOf(table).map(({ high, low }) => `${high} ${low}`)
    assert.equal(new Set(ids).size, ids.length)
    // Every entry can be used again: no evicted session is left with an exchange in flight.
    for (let bucket = 1; bucket <= buckets; bucket++) {
      for (let n = 2 * WAYS; n < 3 * WAYS; n++) assert.ok(table.enter(...idIn(bucket, n), 0, NOW) >= 0)
    }
  })
})

describe('the sweep of a server that is gone', () => {
  test('removes its sessions and no others, and forgets those too that were remembered as removed', () => {
    const table = tableOf(3)
    for (let n = 0; n < 12; n++) table.put(...idIn(1, n), n % 3, NOW)
    table.remove(...idIn(1, 1), NOW)
    for (let part = 0; part < PARTS; part++) table.sweep(part, new Set([1]))
    for (let n = 0; n < 12; n++) assert.equal(table.find(...idIn(1, n), NOW), n % 3 === 1 ? -1 : n % 3)
    assert.deepEqual(
      sessionsOf(table).filter(({ server }) => server === 1),
      [],
    )
    for (let n = 12; n < 12 + 8; n++) assert.ok(table.enter(...idIn(1, n), 0, NOW) >= 0, 'their places are free')
  })

  test('leaves the count of exchanges right of a session that has one elsewhere', () => {
    const table = tableOf(2)
    const [id, other] = [idIn(1, 0), idIn(1, 1)]
    const socket = table.enter(...id, 0, NOW)
    table.put(...id, 1, NOW)
    table.put(...other, 1, NOW)
    table.sweep(0, new Set([1]))
    assert.equal(table.find(...id, NOW), -1)
    const next = table.enter(...id, 0, NOW)
    assert.equal(next, socket)
    table.leave(socket, ...id, NOW)
    assert.equal(table.count([0], NOW).get(0)!.active, 1)
    table.leave(next, ...id, NOW)
    assert.deepEqual(table.count([0, 1], NOW).get(0), { live: 1, active: 0, oldest: NOW })
  })

  test('while threads go on with the same sessions, elsewhere and there, leaves exact counts behind', async () => {
    const table = tableOf(3)
    const ids = [1, 2, 3, 4].flatMap((bucket) => idsByBucket[bucket]!.slice(0, 2 * WAYS))
    let areGoing = true
    const threads = Promise.all(
      [0, 1, 2].map((thread) => hammer({ rounds: 100_000, memory: table.memory, thread, ids })),
    ).finally(() => {
      areGoing = false
    })
    for (let sweeps = 0; areGoing; sweeps++) {
      table.sweep(0, new Set([0, 2]))
      if (sweeps % 16 === 0) await turn()
    }
    await threads
    table.sweep(0, new Set([0, 2]))
    const counts = table.count([0, 1, 2], NOW)
    assert.deepEqual(
      [0, 1, 2].map((server) => counts.get(server)!.active),
      [0, 0, 0],
    )
    assert.deepEqual(
      [0, 2].map((server) => counts.get(server)!.live),
      [0, 0],
    )
    // Every place can be taken again.
    for (let bucket = 1; bucket <= 4; bucket++) {
      for (let n = 2 * WAYS; n < 3 * WAYS; n++) assert.ok(table.enter(...idIn(bucket, n), 0, NOW) >= 0)
    }
  })
})

test('sessions of an upstream that has no affinity any more are over', () => {
  const table = tableOf(1)
  table.put(...idIn(1, 0), 0, NOW)
  table.apply([{ servers: [{ slot: 0 }] } as unknown as Upstream])
  assert.equal(table.find(...idIn(1, 0), NOW + 2), -1)
})

describe('a worker that dies', () => {
  test('while it holds a lock does not block others for long', () => {
    const table = tableOf(1)
    const cells = new Int32Array(table.memory)
    cells[LOCKS_AT + 5] = 4711
    table.put(...idIn(5, 0), 0, NOW)
    assert.equal(table.find(...idIn(5, 0), NOW), 0)
    assert.equal(cells[LOCKS_AT + 5], 0)
  })

  test('leaves no exchange in flight, and exchanges of others end as usual', () => {
    const table = tableOf(1)
    table.enter(...idIn(1, 0), 0, NOW)
    const going = table.enter(...idIn(1, 1), 0, NOW)
    table.forgetExchanges()
    assert.deepEqual(table.count([0], NOW).get(0), { live: 2, active: 0, oldest: NOW })
    table.leave(going, ...idIn(1, 1), NOW)
    const next = table.enter(...idIn(1, 1), 0, NOW)
    assert.equal(table.count([0], NOW).get(0)!.active, 1)
    table.leave(next, ...idIn(1, 1), NOW)
    assert.equal(table.count([0], NOW).get(0)!.active, 0)
  })
})
