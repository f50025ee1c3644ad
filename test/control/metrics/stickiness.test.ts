/** The score looks back over five minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Stickiness } from '../../../src/control/metrics/stickiness.ts'
import type { Upstream } from '../../../src/runtime/snapshot.ts'
import { UPSTREAM_CELLS, UpstreamCell } from '../../../src/runtime/tallies/layout.ts'
import { Tallies } from '../../../src/runtime/tallies.ts'
import { Tally } from '../../../src/runtime/tally.ts'

const MINUTE = 60_000

test('of the last five minutes, and of nothing before', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const tallies = new Tallies()
  const worker = new Tally(tallies.memoryFor(0))
  const app = { name: 'app', slot: 3 } as Upstream
  const stickiness = new Stickiness(tallies, () => [app])
  t.after(() => stickiness.close())
  const count = (known: number, stuck: number) => {
    worker.upstreams[app.slot * UPSTREAM_CELLS + UpstreamCell.Known]! += known
    worker.upstreams[app.slot * UPSTREAM_CELLS + UpstreamCell.Stuck]! += stuck
  }
  assert.equal(stickiness.scoreOf(app), undefined)
  count(10, 5)
  assert.equal(stickiness.scoreOf(app), 0.5)
  t.mock.timers.tick(2 * MINUTE)
  assert.equal(stickiness.scoreOf(app), 0.5)
  count(30, 30)
  assert.equal(stickiness.scoreOf(app), 35 / 40)
  t.mock.timers.tick(4 * MINUTE)
  assert.equal(stickiness.scoreOf(app), 1)
  t.mock.timers.tick(5 * MINUTE)
  assert.equal(stickiness.scoreOf(app), undefined)
  // The name was removed, and is back in another slot.
  assert.equal(stickiness.scoreOf({ ...app, slot: 4 }), undefined)
})
