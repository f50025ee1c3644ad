/** A server's part in a balance of sessions. */
export interface Load {
  /** The server's slot. */
  readonly slot: number
  /** Not less than 0; 0 for a server that should have no sessions. */
  readonly weight: number
  /** Its live sessions. */
  readonly live: number
}

/** So many sessions may leave the server `from`, all for the server `to`. */
export interface Departure {
  readonly from: number
  readonly to: number
  readonly count: number
}

/**
 * How many sessions each server should have: whole numbers by the shares of the weights, with the sum of all sessions. What is
 * left after rounding down goes where it moves no session, and then where the share is largest.
 */
export function targetsOf(loads: readonly Load[]): number[] {
  const live = loads.reduce((sum, load) => sum + load.live, 0)
  const weight = loads.reduce((sum, load) => sum + load.weight, 0)
  if (weight === 0) return loads.map((load) => load.live)
  const shares = loads.map((load) => (live * load.weight) / weight)
  const targets = shares.map(Math.floor)
  const rest = live - targets.reduce((sum, target) => sum + target, 0)
  const fraction = (index: number) => shares[index]! - targets[index]!
  const isAbove = (index: number) => (loads[index]!.live > targets[index]! ? 1 : 0)
  const order = loads.map((_, index) => index).filter((index) => fraction(index) > 0)
  order.sort((one, other) => isAbove(other) - isAbove(one) || fraction(other) - fraction(one))
  for (const index of order.slice(0, rest)) targets[index]! += 1
  return targets
}

/**
 * Which sessions may leave their servers next: at most `most`, for the server that is furthest below its target, from those
 * above theirs in proportion. Nothing leaves or arrives beyond a target.
 */
export function departuresOf(loads: readonly Load[], most: number): Departure[] {
  const targets = targetsOf(loads)
  const excesses = loads.map(({ live }, index) => live - targets[index]!)
  const lowest = Math.min(...excesses)
  if (lowest >= 0) return []
  const to = loads[excesses.indexOf(lowest)]!.slot
  const donors = loads.flatMap(({ slot }, index) =>
    excesses[index]! > 0 ? [{ from: slot, excess: excesses[index]! }] : [],
  )
  donors.sort((one, other) => other.excess - one.excess)
  let excess = donors.reduce((sum, donor) => sum + donor.excess, 0)
  let left = Math.min(most, -lowest, excess)
  return donors.flatMap((donor) => {
    // The rest of the donors give their part of the rest, so that rounding loses none.
    const count = Math.min(donor.excess, Math.ceil((left * donor.excess) / excess))
    excess -= donor.excess
    left -= count
    return count > 0 ? [{ from: donor.from, to, count }] : []
  })
}
