import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { targetsOf } from '../../../src/control/rebalance/shares.ts'
import { UpstreamBalance } from '../../../src/control/rebalance/upstream-balance.ts'
import { HealthBit } from '../../../src/runtime/health-bit.ts'
import { Scoreboard } from '../../../src/runtime/scoreboard.ts'
import type { Server, Upstream } from '../../../src/runtime/snapshot.ts'
import { serversWith } from '../../balancing/group.ts'
import fc from '../../support/property.ts'

const HOUR = 3_600_000

function upstreamOf(servers: readonly Server[], perHour: number): Upstream {
  return { servers, rebalance: { perHour, unseenFor: 0 } } as unknown as Upstream
}

/** Sessions on servers, which move as far as the balance lets them. */
class Sessions {
  readonly live: number[]
  readonly #scoreboard: Scoreboard
  moved = 0

  constructor(live: readonly number[], scoreboard: Scoreboard) {
    this.live = [...live]
    this.#scoreboard = scoreboard
  }

  get counts() {
    return new Map(this.live.map((live, slot) => [slot, { live }]))
  }

  /** That many sessions of each server ask; those that may move do. */
  ask(times: number): void {
    const { departures } = this.#scoreboard
    for (const from of this.live.keys()) {
      for (let session = 0; session < times; session++) {
        const to = departures.destination(from)
        if (!departures.isOpen(from) || !departures.take(from, to)) break
        this.live[from]! -= 1
        this.live[to]! += 1
        this.moved++
      }
    }
  }
}

const scene = fc.record({
  servers: fc.array(fc.record({ live: fc.nat(400), weight: fc.integer({ min: 1, max: 4 }) }), {
    minLength: 2,
    maxLength: 6,
  }),
  percent: fc.integer({ min: 1, max: 100 }),
  unit: fc.constantFrom(1, 60, 3600),
})

test('whatever the sessions do, at most so many move as the rate allows, and none beyond a target', () => {
  const rounds = fc.array(fc.record({ elapsed: fc.integer({ min: 900, max: 5000 }), times: fc.nat(20) }), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(scene, rounds, ({ servers, percent, unit }, rounds) => {
      const scoreboard = new Scoreboard()
      const perHour = (percent / 100) * unit
      const balance = new UpstreamBalance(
        upstreamOf(serversWith(servers.map(({ weight }) => ({ weight }))), perHour),
        scoreboard,
      )
      const sessions = new Sessions(
        servers.map(({ live }) => live),
        scoreboard,
      )
      const all = sessions.live.reduce((sum, live) => sum + live, 0)
      const targets = targetsOf(servers.map((server, slot) => ({ slot, ...server })))
      const isAbove = servers.map(({ live }, slot) => live > targets[slot]!)
      let time = 0
      for (const { elapsed, times } of rounds) {
        balance.stop()
        balance.go(sessions.counts, elapsed)
        time += elapsed
        sessions.ask(times)
        // Beside what the time allows, the first session may move at once.
        assert.ok(sessions.moved <= Math.max(1, (all * perHour * time) / HOUR) + 1e-6)
        for (const [slot, live] of sessions.live.entries())
          assert.ok(isAbove[slot] ? live >= targets[slot]! : live <= targets[slot]!)
      }
    }),
    { numRuns: 100 },
  )
})

test('if the sessions ask, their load is even after the time that the rate needs, by the fewest moves', () => {
  fc.assert(
    fc.property(scene, ({ servers, percent, unit }) => {
      const scoreboard = new Scoreboard()
      const perHour = (percent / 100) * unit
      const balance = new UpstreamBalance(
        upstreamOf(serversWith(servers.map(({ weight }) => ({ weight }))), perHour),
        scoreboard,
      )
      const sessions = new Sessions(
        servers.map(({ live }) => live),
        scoreboard,
      )
      const targets = targetsOf(servers.map((server, slot) => ({ slot, ...server })))
      const moves = servers.reduce((sum, { live }, slot) => sum + Math.max(0, live - targets[slot]!), 0)
      const all = sessions.live.reduce((sum, live) => sum + live, 0)
      // A round serves one server, and the last of its sessions may wait for the next one.
      const rounds = all === 0 ? 0 : Math.ceil((moves * HOUR) / (all * perHour * 1000)) + moves + servers.length
      for (let round = 0; round < Math.min(rounds, 20_000) && sessions.moved < moves; round++) {
        balance.stop()
        balance.go(sessions.counts, 1000)
        sessions.ask(1000)
      }
      if (rounds > 20_000) return
      assert.deepEqual(sessions.live, targets)
      assert.equal(sessions.moved, moves)
    }),
    { numRuns: 100 },
  )
})

describe('which servers take part', () => {
  /** Whether sessions may leave each server, and for which one, with all the time in the world. */
  function openTo(settings: readonly Partial<Server>[], live: readonly number[], health: readonly number[] = []) {
    const scoreboard = new Scoreboard()
    for (const [slot, bits] of health.entries()) {
      for (const bit of Object.values(HealthBit)) if (bits & bit) scoreboard.servers.setHealth(slot, bit)
    }
    const balance = new UpstreamBalance(upstreamOf(serversWith(settings), 3600), scoreboard)
    balance.go(new Map(live.map((count, slot) => [slot, { live: count }])), 1000)
    return live.map((_, slot) => scoreboard.departures.destination(slot))
  }

  test('those that are down, drained, unhealthy, ejected or suspended neither give nor take', () => {
    const { Suspended, Unhealthy, Ejected, Panic } = HealthBit
    assert.deepEqual(openTo([{}, { down: true }, {}], [9, 9, 0]), [2, -1, -1])
    assert.deepEqual(openTo([{}, { drain: true }, {}], [9, 0, 0]), [2, -1, -1])
    for (const bit of [Suspended, Unhealthy, Ejected]) {
      assert.deepEqual(openTo([{}, {}, {}], [9, 0, 1], [0, bit, 0]), [2, -1, -1])
      assert.deepEqual(openTo([{}, {}, {}], [9, 0, 1], [0, bit | Panic, 0]), [1, -1, -1])
    }
    assert.deepEqual(openTo([{}, { down: true }], [9, 0]), [-1, -1])
  })

  test('a backup gives its sessions back once another may serve', () => {
    assert.deepEqual(openTo([{}, { backup: true }], [0, 4]), [-1, 0])
    assert.deepEqual(openTo([{ down: true }, { backup: true }], [0, 4]), [-1, -1])
    assert.deepEqual(openTo([{ down: true }, { backup: true }, { backup: true }], [0, 4, 0]), [-1, 2, -1])
  })

  test('weights count', () => {
    assert.deepEqual(openTo([{ weight: 3 }, { weight: 1 }], [30, 10]), [-1, -1])
    assert.deepEqual(openTo([{ weight: 3 }, { weight: 1 }], [20, 20]), [-1, 0])
  })
})
