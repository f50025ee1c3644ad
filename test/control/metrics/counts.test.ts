/** What was counted, by names: it outlives the slots that names have. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cellNames } from '../../../src/control/metrics/cell-names.ts'
import { Counts, countsSince, type NamedCounts, sizes } from '../../../src/control/metrics/counts.ts'
import { SlotBook } from '../../../src/control/slots/slot-book.ts'
import { SlotReclaimer } from '../../../src/control/slots/slot-reclaimer.ts'
import { Scoreboard } from '../../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../../src/runtime/session-table.ts'
import type { Snapshot } from '../../../src/runtime/snapshot.ts'
import { ServerCell, UpstreamCell, WorkerCell } from '../../../src/runtime/tallies/layout.ts'
import { Tallies } from '../../../src/runtime/tallies.ts'
import { Tally } from '../../../src/runtime/tally.ts'

/** A control plane as far as counting goes, with two workers. */
class Plane {
  readonly tallies = new Tallies()
  readonly book = new SlotBook()
  readonly counts = new Counts(this.tallies, this.book)
  readonly workers = [0, 1].map((slot) => new Tally(this.tallies.memoryFor(slot)))
  readonly #reclaimer = new SlotReclaimer(this.book, new Scoreboard(), new SessionTable(), [this.counts])
  #generation = 0

  /** Makes these the servers of `app`, and returns the slots of others. */
  async adopt(...servers: readonly string[]): Promise<void> {
    const named = [{ name: 'app', servers: servers.map((id) => ({ id })) }]
    const slots = this.book.plan(named).get('app')!
    const upstream = {
      name: 'app',
      slot: slots.slot,
      servers: servers.map((id) => ({ id, slot: slots.servers.get(id)! })),
    }
    this.book.adopt({ generation: ++this.#generation, upstreams: [upstream], routes: [] } as unknown as Snapshot)
    this.book.acknowledge(this.#generation)
    await this.#reclaimer.reclaim()
  }

  slotOf(server: string): number {
    for (const { servers } of this.book.upstreams) return servers.get(server)!.slot
    throw new Error('there is no upstream')
  }

  attempts(server: string): number {
    const cells = new Float64Array(sizes.servers)
    this.counts.read('servers', this.slotOf(server), ['app', server], cells)
    return cells[ServerCell.Attempts + 2]!
  }

  countAttempts(worker: number, server: string, count: number): void {
    this.workers[worker]!.servers[this.slotOf(server) * sizes.servers + ServerCell.Attempts + 2]! += count
  }
}

test('a name is counted over all workers', async () => {
  const plane = new Plane()
  await plane.adopt('a', 'b')
  plane.countAttempts(0, 'a', 3)
  plane.countAttempts(1, 'a', 4)
  assert.deepEqual([plane.attempts('a'), plane.attempts('b')], [7, 0])
})

test('a name that comes back goes on, and the next name in its slot begins at 0', async () => {
  const plane = new Plane()
  await plane.adopt('a')
  plane.countAttempts(0, 'a', 3)
  plane.countAttempts(1, 'a', 4)
  const slot = plane.slotOf('a')
  await plane.adopt()
  for (const { servers } of plane.workers)
    assert.ok(servers.subarray(slot * sizes.servers, (slot + 1) * sizes.servers).every((cell) => cell === 0))
  // A slot that was never used is preferred: until there is none, the returned one stays free.
  const others = Array.from({ length: 16_384 }, (_, index) => `other-${index}`)
  await plane.adopt(...others)
  const heir = others.find((name) => plane.slotOf(name) === slot)!
  assert.equal(plane.attempts(heir), 0)
  await plane.adopt()
  await plane.adopt('a')
  assert.equal(plane.attempts('a'), 7)
  plane.countAttempts(1, 'a', 1)
  assert.equal(plane.attempts('a'), 8)
})

test('another process goes on with everything, and adds what is counted later', async () => {
  const old = new Plane()
  await old.adopt('a', 'gone')
  old.countAttempts(0, 'a', 5)
  old.countAttempts(0, 'gone', 2)
  old.tallies.count(WorkerCell.WorkersRestarted)
  old.tallies.count(WorkerCell.AppliesOk)
  await old.adopt('a')
  const handedOver = old.counts.all()
  const next = new Plane()
  // In another order, so that slots are others.
  await next.adopt('z', 'a')
  next.counts.add(throughTheChannel(handedOver))
  assert.deepEqual([next.attempts('a'), next.attempts('z')], [5, 0])
  next.countAttempts(1, 'a', 10)
  old.countAttempts(1, 'a', 1)
  next.counts.add(throughTheChannel(countsSince(handedOver, old.counts.all())))
  assert.equal(next.attempts('a'), 16)
  await next.adopt('a', 'gone')
  assert.equal(next.attempts('gone'), 2)
  const program = new Float64Array(sizes.worker)
  next.counts.read('worker', 0, [], program)
  assert.deepEqual([program[WorkerCell.WorkersRestarted], program[WorkerCell.AppliesOk]], [1, 1])
})

test('nothing is handed over twice', async () => {
  const plane = new Plane()
  await plane.adopt('a')
  plane.countAttempts(0, 'a', 5)
  const first = plane.counts.all()
  assert.deepEqual(countsSince(first, plane.counts.all()), [])
})

test('what a cell that does not exist here has counted is lost, and nothing else', async () => {
  const plane = new Plane()
  await plane.adopt('a')
  plane.counts.add([{ region: 'servers', name: ['app', 'a'], counts: { 'attempts 2xx': 3, 'moon phases': 9 } }])
  assert.equal(plane.attempts('a'), 3)
})

test('names that were removed are remembered up to a bound, and those that are there are never forgotten', async () => {
  const plane = new Plane()
  await plane.adopt('a')
  const counted = (name: string): NamedCounts => ({
    region: 'servers',
    name: ['app', name],
    counts: { 'attempts 2xx': 3 },
  })
  plane.counts.add([counted('a')])
  plane.counts.add(Array.from({ length: 40_000 }, (_, index) => counted(`gone-${index}`)))
  assert.equal(plane.attempts('a'), 3)
  const { length } = plane.counts.all().filter(({ region }) => region === 'servers')
  assert.ok(length <= 2 * 16_384 && length > 16_384, `${length} names`)
  await plane.adopt('a', 'gone-0', 'gone-39999')
  assert.deepEqual([plane.attempts('gone-0'), plane.attempts('gone-39999')], [0, 3])
})

test('every cell in which something is counted has a name of its own', () => {
  for (const names of Object.values(cellNames)) {
    const written = names.filter((name) => name !== undefined)
    assert.equal(new Set(written).size, written.length)
  }
  assert.equal(cellNames.servers[ServerCell.UsedAt], undefined)
  assert.equal(cellNames.worker[WorkerCell.DelayMost], undefined)
  assert.equal(cellNames.worker[WorkerCell.AppliedAt], undefined)
  assert.equal(cellNames.upstreams[UpstreamCell.Stuck], 'stuck')
})

/** As it comes out of a channel between processes. */
function throughTheChannel(counts: readonly NamedCounts[]): NamedCounts[] {
  return JSON.parse(JSON.stringify(counts))
}
