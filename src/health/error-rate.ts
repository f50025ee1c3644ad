import type { Outlier } from '../runtime/health-settings.ts'

/** A server's answers within an interval. */
export interface Tally {
  readonly good: number
  readonly bad: number
}

/** A server that answers worse than the others. Rates are in percent. */
export interface Outlying {
  /** Its index among the tallies. */
  readonly index: number
  readonly rate: number
  readonly rateOfOthers: number
}

/**
 * The server whose share of bad answers exceeds that of all others together by most, and by more than `errorRate`.
 * Servers are compared with each other, not with a fixed rate: a fault that all of them share, such as a database that
 * is down, ejects none. The comparison uses the others' common rate, not standard deviations as in Envoy, which find no
 * outlier among fewer than five servers (of n values none lies further than (n − 1) / √n from the mean).
 */
export function worstOf(tallies: readonly Tally[], { errorRate, minRequests }: Outlier): Outlying | undefined {
  if (errorRate === 0) return undefined
  const all = tallies.reduce(sum, { good: 0, bad: 0 })
  let worst: Outlying | undefined
  for (const [index, own] of tallies.entries()) {
    const others = { good: all.good - own.good, bad: all.bad - own.bad }
    if (answersOf(own) < minRequests || answersOf(others) < minRequests) continue
    const [rate, rateOfOthers] = [rateOf(own), rateOf(others)]
    if (rate - rateOfOthers <= (worst ? worst.rate - worst.rateOfOthers : errorRate)) continue
    worst = { index, rate, rateOfOthers }
  }
  return worst
}

function sum(one: Tally, other: Tally): Tally {
  return { good: one.good + other.good, bad: one.bad + other.bad }
}

export function answersOf({ good, bad }: Tally): number {
  return good + bad
}

function rateOf(tally: Tally): number {
  return (100 * tally.bad) / answersOf(tally)
}
