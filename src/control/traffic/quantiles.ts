import { BUCKETS } from '../../runtime/tallies/layout.ts'
import { hundredths } from './hundredths.ts'

/** Times in ms; null where nothing was measured. */
export interface Quantiles {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

const NOTHING: Quantiles = { p50: null, p95: null, p99: null }

/**
 * What a histogram of the tallies says of its times, as Prometheus' `histogram_quantile` would: linear within a bucket, and the
 * last limit for what is above all of them.
 *
 * @param cells the histogram begins there
 */
export function quantilesOf(cells: Float64Array, at = 0): Quantiles {
  let count = 0
  for (let bucket = 0; bucket <= BUCKETS.length; bucket++) count += cells[at + bucket]!
  if (count === 0) return NOTHING
  const quantile = (share: number) => hundredths(quantileOf(cells, at, share * count) * 1000)
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) }
}

/** The time of that rank, in s. */
function quantileOf(cells: Float64Array, at: number, rank: number): number {
  let below = 0
  let lower = 0
  for (const [bucket, upper] of BUCKETS.entries()) {
    const inBucket = cells[at + bucket]!
    if (inBucket > 0 && below + inBucket >= rank) return lower + ((upper - lower) * (rank - below)) / inBucket
    below += inBucket
    lower = upper
  }
  return lower
}
