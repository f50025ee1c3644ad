/** Sessions that move in the table, between their exchanges. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PARTS } from '../../src/runtime/session-table/layout.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Upstream } from '../../src/runtime/snapshot.ts'

const NOW = 1_700_000_000
const IDLE = 1000

/** A table with a session 1, 2 on server 0 of three, seen at `NOW`. */
function start(): SessionTable {
  const table = new SessionTable()
  const servers = [{ slot: 0 }, { slot: 1 }, { slot: 2 }]
  table.apply([{ affinity: { type: 'cookie', idle: IDLE * 1000, onLost: 'move' }, servers } as unknown as Upstream])
  table.put(1, 2, 0, NOW)
  for (let part = 0; part < PARTS; part++) for (const _ of table.saved.takeNews(part, NOW));
  return table
}

test('a session that has been unseen for long enough moves, is active there, and is to be saved', () => {
  const table = start()
  assert.equal(table.move(1, 2, 0, 1, 100, NOW + 99), -1)
  assert.equal(table.find(1, 2, NOW + 99), 0)
  const visit = table.move(1, 2, 0, 1, 100, NOW + 100)
  assert.ok(visit >= 0)
  assert.deepEqual(table.count([0, 1], NOW + 100).get(1), { live: 1, active: 1, oldest: NOW })
  assert.ok(table.isActive(1, 2))
  const news = Array.from({ length: PARTS }, (_, part) => [...table.saved.takeNews(part, NOW + 100)]).flat()
  assert.deepEqual(
    news.map(({ high, low, server }) => [high, low, server]),
    [[1, 2, 1]],
  )
  table.leave(visit, 1, 2, NOW + 101)
  assert.ok(!table.isActive(1, 2))
  assert.equal(table.find(1, 2, NOW + 101), 1)
})

test('a session stays that has an exchange in flight, is elsewhere, over, removed or unknown', () => {
  const table = start()
  const visit = table.enter(1, 2, 0, NOW)
  assert.equal(table.move(1, 2, 0, 1, 0, NOW + 500), -1)
  table.leave(visit, 1, 2, NOW)
  assert.equal(table.move(1, 2, 2, 1, 0, NOW), -1)
  assert.equal(table.move(1, 2, 0, 1, 0, NOW + IDLE + 1), -1)
  assert.equal(table.move(3, 4, 0, 1, 0, NOW), -1)
  assert.equal(table.move(0, 0, 0, 1, 0, NOW), -1)
  assert.deepEqual(table.count([0, 1], NOW).get(0), { live: 1, active: 0, oldest: NOW })
  table.remove(1, 2, NOW)
  assert.equal(table.move(1, 2, 0, 1, 0, NOW), -1)
  assert.ok(!table.isActive(1, 2))
})
