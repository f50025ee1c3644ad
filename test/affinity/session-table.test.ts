/** The table of sessions that all threads share: what it keeps, what it gives up, and for whom. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SessionTable } from '../../src/session-table.ts'
import type { Upstream } from '../../src/snapshot.ts'
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
  table.heed([{ affinity: { idle: idle * 1000 }, servers } as unknown as Upstream])
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
    assert.ok(!table.restore(saved, NOW + 61))
    assert.equal(table.find(1, 2, NOW), -1)
    assert.ok(table.restore(saved, NOW + 60))
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
    assert.ok(table.restore({ high: 1, low: 1, server: SERVER, seenAt: NOW + YEAR, begunAt: NOW + YEAR }, NOW))
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
  assert.ok(!table.takeChange())
  const changes = [
    () => table.put(1, 2, SERVER, NOW),
    () => table.enter(1, 2, SERVER, NOW),
    () => table.remove(1, 2),
  ] as const
  for (const change of changes) {
    change()
    assert.ok(other.takeChange())
    assert.ok(!table.takeChange())
  }
})
