/** What all threads count together, where clients choose what is counted. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'

/** One of 10.0.0.0/8. */
function addressOf(number: number): Uint8Array {
  return Uint8Array.of(10, number >> 16, number >> 8, number)
}

/** Addresses of which some share each of the victim's cells: all that it takes to be counted for it. */
function addressesAgainst(scoreboard: Scoreboard, victim: Uint8Array): Uint8Array[] {
  const all = Array.from({ length: 100_000 }, (_, number) => addressOf(number))
  const count = (addresses: readonly Uint8Array[], change: 1 | -1) => {
    for (const address of addresses) scoreboard.countConnection(0, address, change)
  }
  count(all, 1)
  // Halve whoever is left, for as long as the victim is still taken for one of them.
  let suspects = all
  for (let size = suspects.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < suspects.length; ) {
      const without = suspects.slice(from, from + size)
      count(without, -1)
      if (scoreboard.connectionsFrom(victim) > 0) suspects = suspects.toSpliced(from, size)
      else {
        count(without, 1)
        from += size
      }
    }
  }
  count(suspects, -1)
  return suspects
}

describe("a client address's connections", () => {
  test('are counted over all workers, of either family', () => {
    const scoreboard = new Scoreboard()
    const other = new Scoreboard(scoreboard.memory)
    for (const address of [addressOf(1), Uint8Array.from({ length: 16 }, (_, octet) => octet)]) {
      scoreboard.countConnection(0, address, 1)
      other.countConnection(7, address, 1)
      assert.equal(scoreboard.connectionsFrom(address), 2)
      other.countConnection(7, address, -1)
      assert.equal(other.connectionsFrom(address), 1)
    }
    assert.equal(scoreboard.connections(), 2)
  })

  test('are not taken for those of others whose addresses were chosen in another process', () => {
    const victim = addressOf(0xff_ffff)
    const [theirs, ours] = [new Scoreboard(), new Scoreboard()]
    const chosen = addressesAgainst(theirs, victim)
    assert.ok(chosen.length <= 2, `${chosen.length} are needed`)
    for (const scoreboard of [theirs, ours]) {
      for (const address of chosen) for (let i = 0; i < 50; i++) scoreboard.countConnection(0, address, 1)
    }
    assert.equal(theirs.connectionsFrom(victim), 50)
    assert.equal(ours.connectionsFrom(victim), 0)
  })
})
