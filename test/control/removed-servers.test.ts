/** Removed servers with open tunnels: when these are closed. On a clock that the test moves. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { RemovedServers } from '../../src/control/drains/removed-servers.ts'
import { SlotBook } from '../../src/control/slots/slot-book.ts'
import type { Snapshot } from '../../src/runtime/snapshot.ts'

class Plane {
  readonly book = new SlotBook()
  /** By slot. */
  readonly tunnels = new Map<number, number>()
  readonly closed: unknown[] = []
  now = 5000
  deadline = 60_000
  readonly removed: RemovedServers
  #generation = 0

  constructor(t: TestContext) {
    this.removed = new RemovedServers(
      this.book,
      (slot) => this.tunnels.get(slot) ?? 0,
      (...closed) => this.closed.push(closed),
      () => this.now,
    )
    t.after(() => this.removed.close())
  }

  /** Makes these the servers of the upstream `app`; returns their slots. */
  adopt(...names: string[]): number[] {
    const named = [{ name: 'app', servers: names.map((id) => ({ id })) }]
    const { slot, servers } = this.book.plan(named).get('app')!
    const upstream = { name: 'app', slot, servers: names.map((id) => ({ id, slot: servers.get(id)! })) }
    this.book.adopt({ generation: ++this.#generation, upstreams: [upstream], routes: [] } as unknown as Snapshot)
    this.removed.apply(() => ({ deadline: this.deadline, spread: 30_000 }))
    return upstream.servers.map((server) => server.slot)
  }

  pass(ms: number): void {
    this.now += ms
    this.removed.look()
  }
}

describe('the tunnels of a removed server', () => {
  test('are closed once, at the deadline that counted from its removal', (t) => {
    const plane = new Plane(t)
    const [, gone] = plane.adopt('web-1', 'web-2')
    plane.tunnels.set(gone!, 3)
    plane.pass(1_000_000)
    plane.adopt('web-1')
    plane.pass(30_000)
    plane.adopt('web-1', 'web-3')
    plane.pass(29_999)
    assert.deepEqual(plane.closed, [])
    plane.pass(1)
    plane.pass(1_000_000)
    assert.deepEqual(plane.closed, [[gone, 30_000]])
  })

  test('are left if they have ended, if the server is back, or if there is no deadline', (t) => {
    const plane = new Plane(t)
    const [ended, back, unlimited] = plane.adopt('ended', 'back', 'unlimited')
    for (const slot of [ended, back, unlimited]) plane.tunnels.set(slot!, 1)
    plane.adopt('unlimited')
    plane.deadline = 0
    plane.adopt()
    plane.pass(30_000)
    plane.tunnels.delete(ended!)
    plane.adopt('back')
    plane.pass(1_000_000)
    assert.deepEqual(plane.closed, [])
  })

  test('get a new deadline when the server is removed again', (t) => {
    const plane = new Plane(t)
    const [slot] = plane.adopt('web-1')
    plane.tunnels.set(slot!, 1)
    plane.adopt()
    plane.pass(50_000)
    plane.adopt('web-1')
    plane.adopt()
    plane.pass(59_999)
    assert.deepEqual(plane.closed, [])
    plane.pass(1)
    assert.deepEqual(plane.closed, [[slot, 30_000]])
  })

  test('are not those of another server that has the slot now', (t) => {
    const plane = new Plane(t)
    const [slot] = plane.adopt('web-1')
    plane.tunnels.set(slot!, 1)
    plane.adopt()
    plane.tunnels.delete(slot!)
    plane.book.acknowledge(2)
    for (const server of plane.book.forgottenServers()) plane.book.returnServer(server)
    while (plane.adopt('web-9').every((each) => each !== slot)) {
      plane.adopt()
      plane.book.acknowledge(Number.MAX_SAFE_INTEGER)
      for (const server of plane.book.forgottenServers()) plane.book.returnServer(server)
    }
    plane.tunnels.set(slot!, 5)
    plane.pass(1_000_000)
    assert.deepEqual(plane.closed, [])
  })

  test('are looked after by a timer', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const plane = new Plane(t)
    const [slot] = plane.adopt('web-1')
    plane.tunnels.set(slot!, 1)
    plane.adopt()
    for (let second = 0; second < 60; second++) {
      assert.deepEqual(plane.closed, [])
      plane.now += 1000
      t.mock.timers.tick(1000)
    }
    assert.deepEqual(plane.closed, [[slot, 30_000]])
  })
})
