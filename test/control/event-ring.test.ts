/** The events that are kept for clients that come back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AdminEvent } from '../../src/admin/event-feed.ts'
import { EventRing } from '../../src/control/event-ring.ts'
import fc from '../support/property.ts'

const died = (worker: number): AdminEvent => ({ type: 'worker-died', worker, cause: 'test', ms: 0 })
const ids = (happened: readonly { id: number }[] | undefined) => happened?.map(({ id }) => id)

test('events are numbered from where the ring starts, without a gap', () => {
  const ring = new EventRing(41, 3, () => 7)
  ring.add(died(0))
  ring.add(died(1))
  assert.deepEqual(ring.kept, [
    { id: 42, at: 7, event: died(0) },
    { id: 43, at: 7, event: died(1) },
  ])
  assert.equal(ring.newest, 43)
})

test('a run begins above every number of an earlier run, whose events it does not have', () => {
  const before = new EventRing()
  for (let events = 0; events < 3; events++) before.add(died(0))
  const next = new EventRing(Date.now() + 1000)
  assert.ok(next.newest > before.newest)
  next.add(died(0))
  assert.equal(next.after(before.newest), undefined)
})

test('after any number of events, a client gets what it missed, or is told that some of it is gone', () => {
  fc.assert(
    fc.property(
      fc.nat(1000),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(100),
      fc.integer({ min: -30, max: 130 }),
      (start, size, count, back) => {
        const ring = new EventRing(start, size)
        for (let events = 0; events < count; events++) ring.add(died(events))
        const id = start + back
        const oldestKept = Math.max(start, start + count - size)
        const expected =
          id < oldestKept || id > start + count
            ? undefined
            : Array.from({ length: start + count - id }, (_, index) => id + 1 + index)
        assert.deepEqual(ids(ring.after(id)), expected)
        assert.equal(ring.kept.length, Math.min(size, count))
      },
    ),
  )
})

test('whoever watches gets each event until they stop', () => {
  const ring = new EventRing(0)
  const heard: number[] = []
  const stop = ring.watch(({ id }) => heard.push(id))
  ring.add(died(0))
  stop()
  ring.add(died(1))
  assert.deepEqual(heard, [1])
})

test('an event of thousands of changes, or of mistakes, is kept short', () => {
  const ring = new EventRing(0)
  const changes = Array.from({ length: 5000 }, (_, index) => `server ${index} added`)
  ring.add({ type: 'applied', generation: 2, revision: 'r', changes })
  const { event } = ring.kept[0]!
  assert.ok(event.type === 'applied')
  assert.deepEqual([event.changes.length, event.changes.at(-1)], [101, 'and 4900 more'])
  ring.add({ type: 'operator', author: 'a', message: 'x'.repeat(1_000_000) })
  assert.ok(JSON.stringify(ring.kept[1]).length < 3000)
})
