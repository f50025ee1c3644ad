/** Unit tests of the queue with a fake clock. test/scenarios/queue.test.ts tests it in the whole program. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ServerState } from '../../src/balancing/server-state.ts'
import { Queue } from '../../src/exchange/queue.ts'
import { type Ticket, Wait, type Waiter, type Wanted } from '../../src/exchange/ticket.ts'
import type { Timed } from '../../src/runtime/deadlines.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import type { Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'

/** Deadlines that expire when the test says so. */
class FakeDeadlines {
  #now = 0
  readonly #all = new Set<Timed>()

  set(timed: Timed, after: number): void {
    timed.deadline = after === 0 ? Infinity : this.#now + after
    this.#all.add(timed)
  }

  remove(timed: Timed): void {
    this.#all.delete(timed)
  }

  advance(ms: number): void {
    this.#now += ms
    for (const timed of this.#all) {
      if (timed.deadline > this.#now) continue
      this.#all.delete(timed)
      timed.expire()
    }
  }
}

/** Two servers with maxConnections 1 each, shared by several workers. */
function upstreamOf({ size = 100, timeout = 0, workers = 1 } = {}) {
  const servers = serversWith([{ maxConnections: 1 }, { maxConnections: 1 }])
  const settings: Upstream = {
    name: 'app',
    slot: 0,
    balance: { type: 'round-robin' },
    servers,
    timeouts: { connect: 0, firstByte: 0, idle: 0, tunnel: 0 },
    retries: { tries: 1, within: 0 },
    keepAlive: { connections: 0, idle: 0, requestsPerConnection: 0, maxAge: 0 },
    queue: { size, timeout },
  }
  const scoreboard = new Scoreboard()
  const deadlines = new FakeDeadlines()
  const served: string[] = []
  /** While it is closed, no server may serve. */
  const door = { isOpen: true }
  const views = Array.from({ length: workers }, (_, worker) => {
    const states = servers.map((server) => new ServerState(server, 0, false, scoreboard, worker))
    const queue = new Queue(settings, states, scoreboard, worker, deadlines)
    /** Waits for one server (by its index) or for any, and takes a place as soon as one is free. */
    const join = (name: string, index?: number): Ticket | undefined => {
      const place: Wanted = index === undefined ? undefined : states[index]
      const waiter: Waiter = {
        waited: 0,
        takeTurn(time) {
          const server = (place === undefined ? states : [place]).find((state) => state.mayServe(time))
          if (!door.isOpen || server === undefined || !server.claim(time)) return new Wait(place)
          served.push(name)
          return 'done'
        },
        waitedTooLong: () => served.push(`${name} too late`),
      }
      return queue.join(waiter, new Wait(place))
    }
    /** Sets or lifts a pause that ends in that many ms. */
    const pause = (left?: number) =>
      queue.apply({ ...settings, ...(left !== undefined && { pause: { until: Date.now() + left } }) }, states)
    return { servers: states, queue, join, pause }
  })
  for (const server of views[0]!.servers) assert.ok(server.claim(0))
  return { scoreboard, deadlines, served, door, views, ...views[0]! }
}

/** Resolves after all settled promises have run their callbacks. Each worker's notification uses one. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise(setImmediate)
}

describe('a queue', () => {
  test('gives a place to the first one that can use it, and is not blocked by others', async () => {
    const { servers, join, served } = upstreamOf()
    join('own 0', 0)
    join('any')
    join('own 1', 1)
    join('any again')
    servers[1]!.release()
    await settled()
    assert.deepEqual(served, ['any'])
    servers[1]!.release()
    await settled()
    assert.deepEqual(served, ['any', 'own 1'])
    servers[1]!.release()
    servers[0]!.release()
    await settled()
    assert.deepEqual(served, ['any', 'own 1', 'own 0', 'any again'])
  })

  test('accepts requests up to its size across all workers, and counts them', () => {
    const { views, scoreboard } = upstreamOf({ size: 3, workers: 2 })
    const first = views[0]!.join('a')
    assert.ok(views[1]!.join('b', 0) && views[0]!.join('c', 1))
    assert.equal(views[1]!.join('d'), undefined)
    assert.equal(scoreboard.queues.waiting(0), 3)
    first!.leave()
    first!.leave()
    assert.equal(scoreboard.queues.waiting(0), 2)
    assert.ok(views[1]!.join('d'))
  })

  test('reports a request at its timeout, and not earlier', () => {
    const { deadlines, join, served, scoreboard } = upstreamOf({ timeout: 1000 })
    join('a')
    deadlines.advance(600)
    join('b', 1)
    deadlines.advance(399)
    assert.deepEqual(served, [])
    deadlines.advance(1)
    assert.deepEqual(served, ['a too late'])
    deadlines.advance(600)
    assert.deepEqual(served, ['a too late', 'b too late'])
    assert.equal(scoreboard.queues.waiting(0), 0)
  })

  test('gives each place to one request, in any worker, until all are served', async () => {
    const { views, servers, served } = upstreamOf({ workers: 3 })
    for (let i = 0; i < 30; i++) views[i % 3]!.join(`${i}`, [undefined, 0, 1][i % 4])
    for (let i = 1; i <= 15; i++) {
      servers[0]!.release()
      servers[1]!.release()
      await settled()
      assert.equal(served.length, 2 * i)
    }
  })

  test('passes a notification on if the requests that waited for it have left', async () => {
    const { views, servers, served } = upstreamOf({ workers: 2 })
    const gone = [views[0]!.join('gone'), views[0]!.join('gone too', 0)]
    views[1]!.join('stays', 0)
    servers[0]!.release()
    for (const ticket of gone) ticket!.leave()
    await settled()
    assert.deepEqual(served, ['stays'])
  })

  test('notifies all workers of a possible change', async () => {
    const { views, servers, served, scoreboard, door } = upstreamOf({ workers: 2 })
    door.isOpen = false
    views[0]!.join('a', 0)
    views[1]!.join('b', 1)
    for (const server of servers) server.release()
    await settled()
    assert.deepEqual(served, [])
    door.isOpen = true
    scoreboard.upstreams.bumpEpoch(0)
    await settled()
    assert.deepEqual(served.sort(), ['a', 'b'])
  })

  test('gives no turn during a pause, and all turns in order when it is lifted', async () => {
    const { servers, join, pause, served } = upstreamOf()
    join('own 0', 0)
    pause(60_000)
    for (const server of servers) server.release()
    join('any')
    join('own 1', 1)
    await settled()
    assert.deepEqual(served, [])
    pause()
    assert.deepEqual(served, ['own 0', 'any'])
  })

  test('lets no timeout pass during a pause, and all of it afterwards', () => {
    const { deadlines, join, pause, served } = upstreamOf({ timeout: 1000 })
    join('before')
    deadlines.advance(900)
    pause(60_000)
    join('during')
    deadlines.advance(50_000)
    pause()
    join('after')
    deadlines.advance(999)
    assert.deepEqual(served, [])
    deadlines.advance(1)
    assert.deepEqual(served, ['before too late', 'during too late', 'after too late'])
  })

  test('ends a pause at its time, which may be changed', () => {
    const { servers, deadlines, join, pause, served } = upstreamOf()
    pause(1000)
    join('a')
    servers[0]!.release()
    pause(60_000)
    deadlines.advance(2000)
    assert.deepEqual(served, [])
    pause(1000)
    deadlines.advance(1000)
    assert.deepEqual(served, ['a'])
    servers[1]!.release()
    join('b')
    assert.deepEqual(served, ['a', 'b'])
  })

  test('passes a notification that came during a pause on to a worker that is not paused', async () => {
    const { views, servers, served } = upstreamOf({ workers: 2 })
    views[0]!.pause(60_000)
    const gone = views[0]!.join('gone')!
    views[1]!.join('stays')
    servers[0]!.release()
    await settled()
    assert.deepEqual(served, [])
    gone.leave()
    views[0]!.pause()
    await settled()
    assert.deepEqual(served, ['stays'])
  })

  test('recovers the places and the count of a worker that dies', async () => {
    const { views, served, scoreboard } = upstreamOf({ size: 2, workers: 2 })
    views[0]!.join('dead')
    views[1]!.join('alive')
    scoreboard.forget(0)
    assert.equal(scoreboard.queues.waiting(0), 1)
    await settled()
    assert.ok(served.includes('alive'))
  })

  test('registers once for each line, even if it fills repeatedly', async () => {
    const { join, servers, scoreboard, served } = upstreamOf()
    let promises = 0
    const untilPlace = scoreboard.queues.untilPlace.bind(scoreboard.queues)
    scoreboard.queues.untilPlace = (...line) => {
      promises++
      return untilPlace(...line)
    }
    for (let i = 0; i < 1000; i++) join('gone')!.leave()
    assert.equal(promises, 1)
    join('stays')
    servers[0]!.release()
    await settled()
    assert.deepEqual(served, ['stays'])
  })
})
