import { UPSTREAM_CELLS } from '../../runtime/tallies/layout.ts'
import type { UpstreamHolding } from '../slots/slot-book.ts'

/** What was counted since the last sample in slots that have been returned meanwhile, by upstream. */
export class ReturnedCounts {
  #byUpstream = new Map<UpstreamHolding, Float64Array>()

  /** @param changes cells of the upstream, or of a server: both begin with the outcomes, which are all that is kept of a server */
  add(upstream: UpstreamHolding, changes: Float64Array): void {
    const cells = this.#byUpstream.get(upstream) ?? new Float64Array(UPSTREAM_CELLS)
    this.#byUpstream.set(upstream, cells)
    for (let cell = 0; cell < changes.length; cell++) cells[cell]! += changes[cell]!
  }

  /** Everything so far, in the cells of an upstream; from now on it begins again. */
  take(): ReadonlyMap<UpstreamHolding, Float64Array> {
    const taken = this.#byUpstream
    this.#byUpstream = new Map()
    return taken
  }
}
