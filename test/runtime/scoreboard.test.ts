/** What all threads count together: where it lies, what a dead worker leaves, and what clients can do to it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ADDRESS_CELLS, MAX_SERVERS, MAX_UPSTREAMS, MAX_WORKERS } from '../../src/runtime/bounds.ts'
import { newMemory, type Regions, regionsOf } from '../../src/runtime/scoreboard/layout.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import fc from '../support/property.ts'

/** One of 10.0.0.0/8. */
function addressOf(number: number): Uint8Array {
  return Uint8Array.of(10, number >> 16, number >> 8, number)
}

/** Addresses of which some share each of the victim's cells: all that it takes to be counted for it. */
function addressesAgainst(scoreboard: Scoreboard, victim: Uint8Array): Uint8Array[] {
  const all = Array.from({ length: 100_000 }, (_, number) => addressOf(number))
  const count = (addresses: readonly Uint8Array[], change: 1 | -1) => {
    for (const address of addresses) scoreboard.clients.countConnection(0, address, change)
  }
  count(all, 1)
  // Halve whoever is left, for as long as the victim is still taken for one of them.
  let suspects = all
  for (let size = suspects.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < suspects.length; ) {
      const without = suspects.slice(from, from + size)
      count(without, -1)
      if (scoreboard.clients.connectionsFrom(victim) > 0) suspects = suspects.toSpliced(from, size)
      else {
        count(without, 1)
        from += size
      }
    }
  }
  count(suspects, -1)
  return suspects
}

describe('the memory', () => {
  test('has a place for everything, and nothing shares one', () => {
    const memory = newMemory()
    const regions: Regions = regionsOf(memory)
    const byPlace = Object.values(regions).toSorted((a, b) => a.byteOffset - b.byteOffset)
    let end = 0
    for (const region of byPlace) {
      assert.equal(region.byteOffset, end)
      end += region.byteLength
    }
    assert.equal(end, memory.byteLength)
    const { servers, inFlights, latencies, inFlightLedgers, waiting, waitingLedgers, connections, addresses } = regions
    assert.equal(servers.byteLength, MAX_SERVERS * 64, 'a cache line for each server')
    assert.deepEqual([inFlights.length, latencies.length, connections.length], [MAX_SERVERS, MAX_SERVERS, MAX_WORKERS])
    assert.equal(inFlightLedgers.length, MAX_WORKERS * inFlights.length)
    assert.equal(waiting.length, MAX_SERVERS + 2 * MAX_UPSTREAMS)
    assert.equal(waitingLedgers.length, MAX_WORKERS * waiting.length)
    assert.equal(addresses.length, MAX_WORKERS * 2 * ADDRESS_CELLS)
    assert.equal(regions.tunnels.length, MAX_SERVERS)
    assert.equal(regions.tunnelLedgers.length, MAX_WORKERS * MAX_SERVERS)
  })

  test('keeps the last server, upstream and worker apart from the others', () => {
    const scoreboard = new Scoreboard()
    const { servers, upstreams, queues, clients } = scoreboard
    const [server, upstream, worker] = [MAX_SERVERS - 1, MAX_UPSTREAMS - 1, MAX_WORKERS - 1]
    servers.acquire(server, worker, 1)
    servers.setLatency(server, 1.5, 7)
    servers.countBad(server)
    upstreams.nextTurn(upstream)
    queues.beginWait(upstream, undefined, worker, 1)
    clients.countConnection(worker, addressOf(1), 1)
    const before = [servers.inFlight(server), servers.latency(server), servers.answeredAt(server), servers.bad(server)]
    assert.deepEqual(before, [1, 1.5, 7, 1])
    assert.deepEqual([upstreams.epoch(upstream), queues.waiting(upstream), clients.connections()], [0, 1, 1])
    for (const slot of [0, server - 1])
      assert.equal(servers.inFlight(slot) + servers.latency(slot) + servers.bad(slot), 0)
    scoreboard.forget(worker - 1)
    assert.deepEqual([servers.inFlight(server), queues.waiting(upstream), clients.connections()], [1, 1, 1])
    scoreboard.forget(worker)
    assert.deepEqual([servers.inFlight(server), queues.waiting(upstream), clients.connections()], [0, 0, 0])
    assert.deepEqual([servers.latency(server), servers.bad(server), upstreams.nextTurn(upstream)], [1.5, 1, 1])
  })
})

describe('a worker that dies', () => {
  const step = fc.record({
    worker: fc.nat(2),
    server: fc.nat(2),
    own: fc.boolean(),
    act: fc.constantFrom('exchange', 'tunnel', 'wait', 'connect'),
  })

  test('leaves what the others hold, and nothing of its own', () => {
    const scoreboard = new Scoreboard()
    const { servers, queues, clients } = scoreboard
    fc.assert(
      fc.property(fc.array(step), fc.nat(2), (steps, dead) => {
        for (const { worker, server, own, act } of steps) {
          if (act === 'exchange') servers.acquire(server, worker, 0)
          else if (act === 'tunnel') servers.openTunnel(server, worker)
          else if (act === 'wait') queues.beginWait(0, own ? server : undefined, worker, 1000)
          else clients.countConnection(worker, addressOf(server), 1)
        }
        scoreboard.forget(dead)
        const left = steps.filter(({ worker }) => worker !== dead)
        const count = (act: string, server?: number) =>
          left.filter((step) => step.act === act && (server === undefined || step.server === server)).length
        assert.equal(queues.waiting(0), count('wait'))
        assert.equal(clients.connections(), count('connect'))
        for (const server of [0, 1, 2]) {
          assert.equal(servers.inFlight(server), count('exchange', server))
          assert.equal(servers.tunnels(server), count('tunnel', server))
          assert.equal(clients.connectionsFrom(addressOf(server)), count('connect', server))
        }
        for (const worker of [0, 1, 2]) scoreboard.forget(worker)
        assert.equal(servers.inFlights[0]! + servers.tunnels(0) + queues.waiting(0) + clients.connections(), 0)
      }),
    )
  })
})

describe("a client address's connections", () => {
  test('are counted over all workers, of either family', () => {
    const scoreboard = new Scoreboard()
    const other = new Scoreboard(scoreboard.memory)
    for (const address of [addressOf(1), Uint8Array.from({ length: 16 }, (_, octet) => octet)]) {
      scoreboard.clients.countConnection(0, address, 1)
      other.clients.countConnection(7, address, 1)
      assert.equal(scoreboard.clients.connectionsFrom(address), 2)
      other.clients.countConnection(7, address, -1)
      assert.equal(other.clients.connectionsFrom(address), 1)
    }
    assert.equal(scoreboard.clients.connections(), 2)
  })

  test('are not taken for those of others whose addresses were chosen in another process', () => {
    const victim = addressOf(0xff_ffff)
    const [theirs, ours] = [new Scoreboard(), new Scoreboard()]
    const chosen = addressesAgainst(theirs, victim)
    assert.ok(chosen.length <= 2, `${chosen.length} are needed`)
    for (const scoreboard of [theirs, ours]) {
      for (const address of chosen) for (let i = 0; i < 50; i++) scoreboard.clients.countConnection(0, address, 1)
    }
    assert.equal(theirs.clients.connectionsFrom(victim), 50)
    assert.equal(ours.clients.connectionsFrom(victim), 0)
  })
})
