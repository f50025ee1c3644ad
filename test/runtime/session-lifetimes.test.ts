/** How long the session table keeps a session, and what it saves and takes in of it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PARTS } from '../../src/runtime/session-table/layout.ts'
import type { SavedSession } from '../../src/runtime/session-table/session-entries.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Upstream } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { savedOf } from '../support/saved-sessions.ts'

const NOW = 1_800_000_000
const SERVER = 3

/** Numbers spread like digests (SplitMix32); never 0. */
function* ids(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    yield mixed ^ (mixed >>> 15) || 1
  }
}

function tableWith(idle: number): SessionTable {
  const table = new SessionTable()
  const servers = [{ slot: SERVER }]
  table.apply([{ affinity: { idle: idle * 1000 }, servers } as unknown as Upstream])
  return table
}

describe('a session', () => {
  test('that keeps coming back outlives a flood of three million that come once', () => {
    const table = tableWith(3600)
    const regulars = ids(1)
    const users = Array.from({ length: 2000 }, () => [regulars.next().value, regulars.next().value] as const)
    for (const [high, low] of users) table.put(high, low, SERVER, NOW)
    const flood = ids(2)
    const visits = 30
    for (let visit = 1; visit <= visits; visit++) {
      const now = NOW + visit
      for (const [high, low] of users) {
        assert.equal(table.find(high, low, now), SERVER)
        table.leave(table.enter(high, low, SERVER, now), high, low, now)
      }
      for (let i = 0; i < 3_000_000 / visits; i++) table.put(flood.next().value, flood.next().value, SERVER + 1, now)
    }
    for (const [high, low] of users) assert.equal(table.find(high, low, NOW + visits), SERVER)
    assert.ok(table.memory.byteLength <= 64 * 1024 * 1024)
  })

  test('with an id of zeros is none: it is neither found nor counted', () => {
    const table = tableWith(0)
    table.put(0, 0, SERVER, NOW)
    assert.equal(table.enter(0, 0, SERVER, NOW), -1)
    table.leave(-1, 0, 0, NOW)
    table.remove(0, 0)
    assert.equal(table.find(0, 0, NOW), -1)
    assert.deepEqual(savedOf(table, NOW), [])
  })

  test('that was saved goes on unless it is over by now', () => {
    const table = tableWith(60)
    const saved = { high: 1, low: 2, server: SERVER, seenAt: NOW, begunAt: NOW - 500 }
    assert.ok(!table.saved.restore(saved, NOW + 61))
    assert.equal(table.find(1, 2, NOW), -1)
    assert.ok(table.saved.restore(saved, NOW + 60))
    assert.deepEqual(savedOf(table, NOW + 60), [saved])
  })
})

describe('a time from the future, of a clock that once ran ahead,', () => {
  const HOUR = 3600
  const YEAR = 365 * 24 * HOUR

  test('counts as now once it is looked at, so that the session is over after its idle time', () => {
    for (const look of [
      (table: SessionTable) => table.find(1, 1, NOW),
      (table: SessionTable) => table.count([SERVER], NOW).get(SERVER)!.live - 1 + SERVER,
      (table: SessionTable) => savedOf(table, NOW)[0]!.server,
    ]) {
      const table = tableWith(HOUR)
      table.put(1, 1, SERVER, NOW + YEAR)
      assert.equal(look(table), SERVER)
      assert.equal(table.find(1, 1, NOW + HOUR), SERVER)
      assert.equal(table.find(1, 1, NOW + HOUR + 1), -1)
    }
  })

  test('counts as now where it was saved', () => {
    const table = tableWith(HOUR)
    assert.ok(table.saved.restore({ high: 1, low: 1, server: SERVER, seenAt: NOW + YEAR, begunAt: NOW + YEAR }, NOW))
    assert.deepEqual(savedOf(table, NOW), [{ high: 1, low: 1, server: SERVER, seenAt: NOW, begunAt: NOW }])
  })

  test('is not shown as the time when a session began', () => {
    const table = tableWith(HOUR)
    table.put(1, 1, SERVER, NOW + YEAR)
    assert.equal(table.count([SERVER], NOW).get(SERVER)!.oldest, NOW)
  })
})

test('a change is told once, to whichever thread asks first', () => {
  const table = tableWith(60)
  const other = new SessionTable(table.memory)
  assert.ok(!table.saved.takeChange())
  const changes = [
    () => table.put(1, 2, SERVER, NOW),
    () => table.enter(1, 2, SERVER, NOW),
    () => table.remove(1, 2),
  ] as const
  for (const change of changes) {
    change()
    assert.ok(other.saved.takeChange())
    assert.ok(!table.saved.takeChange())
  }
})

/** What was saved of one session, by several processes: each word of it of another time. */
const words = fc.uniqueArray(
  fc.record({
    ago: fc.nat(30),
    server: fc.nat(2),
    lasted: fc.nat(5),
    isRemoved: fc.boolean(),
  }),
  { selector: ({ ago }) => ago, minLength: 1, maxLength: 6 },
)

test('of what several processes have saved of a session, the last request or removal says where it is, in any order', () => {
  const memory = new SessionTable().memory
  let id = 0
  fc.assert(
    fc.property(
      words.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, order]) => {
        const table = new SessionTable(memory)
        table.apply([
          { affinity: { idle: 60_000 }, servers: [0, 1, 2].map((slot) => ({ slot })) } as unknown as Upstream,
        ])
        id++
        for (const { ago, server, lasted, isRemoved } of order) {
          const askedAt = NOW - ago
          const seenAt = isRemoved ? askedAt : Math.min(askedAt + lasted, NOW)
          const word = {
            high: id,
            low: 1,
            server,
            seenAt,
            begunAt: NOW - 90,
            ...(isRemoved ? { isRemoved } : { askedAt }),
          }
          if (id % 2 === 0) table.saved.restore(word as SavedSession, NOW)
          else table.saved.merge(word as SavedSession, NOW)
        }
        const last = all.reduce((one, other) => (other.ago < one.ago ? other : one))
        assert.equal(table.find(id, 1, NOW), last.isRemoved ? -1 : last.server)
      },
    ),
    { numRuns: 300, seed: 22 },
  )
})

test('news of a session are told once: that it began, moved, was removed, or is seen again after a while', () => {
  const table = tableWith(3200)
  const newsAt = (now: number) =>
    Array.from({ length: PARTS }, (_, part) => [...table.saved.takeNews(part, now)]).flat()
  const [high, low] = [5, 6]
  const steps: readonly [what: () => void, news: Partial<SavedSession>[]][] = [
    [() => table.put(high, low, SERVER, NOW), [{ server: SERVER, seenAt: NOW }]],
    [() => table.put(high, low, SERVER, NOW + 1), []],
    [() => table.put(high, low, SERVER, NOW + 101), [{ server: SERVER, seenAt: NOW + 101 }]],
    [() => table.put(high, low, SERVER + 1, NOW + 102), [{ server: SERVER + 1, seenAt: NOW + 102 }]],
    [() => table.remove(high, low, NOW + 103), [{ server: SERVER + 1, seenAt: NOW + 103, isRemoved: true }]],
    [() => table.remove(high, low, NOW + 104), []],
    [() => table.saved.merge({ high, low, server: SERVER, seenAt: NOW + 103, begunAt: NOW }, NOW + 104), []],
    [() => table.put(high, low, SERVER, NOW + 105), [{ server: SERVER, seenAt: NOW + 105, begunAt: NOW + 105 }]],
  ]
  for (const [index, [what, expected]] of steps.entries()) {
    what()
    const news = newsAt(NOW + 200)
    assert.equal(news.length, expected.length, `step ${index}`)
    for (const [at, part] of expected.entries()) assert.deepEqual({ ...news[at], ...part }, news[at], `step ${index}`)
  }
})
