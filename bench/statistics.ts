/** A figure over several rounds. */
export interface Summary {
  readonly median: number
  /** The lowest and the highest round. */
  readonly low: number
  readonly high: number
  readonly rounds: number
}

/** A round that failed has no value. */
export type Rounds = readonly (number | undefined)[]

/** @throws RangeError if there is no value at all */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of nothing')
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Undefined if every round failed. */
export function summarize(rounds: Rounds): Summary | undefined {
  const values = rounds.filter((value) => value !== undefined)
  if (values.length === 0) return undefined
  return { median: median(values), low: Math.min(...values), high: Math.max(...values), rounds: values.length }
}

/**
 * The ratio of one series to another: the median of the ratios of each round, so that a temporary slowdown of the machine
 * affects both sides of a ratio. Rounds in which either failed, or the reference is 0, do not count.
 */
export function ratio(rounds: Rounds, reference: Rounds): Summary | undefined {
  return summarize(
    rounds.map((value, round) => {
      const against = reference[round]
      return value === undefined || against === undefined || against === 0 ? undefined : value / against
    }),
  )
}
