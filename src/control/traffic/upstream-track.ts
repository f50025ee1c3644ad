import { HISTOGRAM, UpstreamCell } from '../../runtime/tallies/layout.ts'
import type { UpstreamHolding } from '../slots/slot-book.ts'
import { DecisionHistory } from './decision-history.ts'
import { Load } from './load.ts'
import { type Quantiles, quantilesOf } from './quantiles.ts'

/** An upstream's traffic in the last interval. Rates are a second. */
export class UpstreamTrack {
  /** Undefined for the requests that no upstream was found for. */
  readonly holding: UpstreamHolding | undefined
  readonly load = new Load()
  /** The histogram of how long its requests took. */
  readonly durations = new Float64Array(HISTOGRAM)
  quantiles: Quantiles = quantilesOf(this.durations)
  retries = 0
  received = 0
  sent = 0
  /** Requests of known sessions, and those of them that reached their server; not as rates. */
  known = 0
  stuck = 0
  readonly decisions = new DecisionHistory()

  constructor(holding?: UpstreamHolding) {
    this.holding = holding
  }

  /** @param changes what was counted of the upstream itself within so many seconds; its servers are added to `load` */
  take(changes: Float64Array, seconds: number): void {
    this.load.clear()
    this.load.addOutcomes(changes, seconds)
    this.durations.set(changes.subarray(UpstreamCell.Durations, UpstreamCell.Durations + HISTOGRAM))
    this.quantiles = quantilesOf(this.durations)
    this.retries = changes[UpstreamCell.Retries]! / seconds
    this.received = changes[UpstreamCell.Received]! / seconds
    this.sent = changes[UpstreamCell.Sent]! / seconds
    this.known = changes[UpstreamCell.Known]!
    this.stuck = changes[UpstreamCell.Stuck]!
    this.decisions.add(changes, seconds)
  }
}
