import { reasons } from '../../runtime/reason.ts'
import { UpstreamCell } from '../../runtime/tallies/layout.ts'

/** How many steps are kept, and how long each is, in s: five minutes together. */
const STEPS = 20
export const REASON_STEP = 15

/** How many requests of an upstream had each reason in the last minutes. */
export class ReasonHistory {
  /** A ring of steps, each with a count by the index of the reason. */
  readonly #counts = new Uint32Array(STEPS * reasons.length)
  #seconds = 0

  /** @param changes what was counted of the upstream within so many seconds */
  add(changes: Float64Array, seconds: number): void {
    const before = this.#step
    this.#seconds += seconds
    const step = this.#step
    // More than a round clears the same again.
    for (let next = Math.max(before, step - STEPS) + 1; next <= step; next++) this.#of(next).fill(0)
    const counts = this.#of(step)
    for (let reason = 0; reason < counts.length; reason++) counts[reason]! += changes[UpstreamCell.Reasons + reason]!
  }

  /** The reasons that there were; of each, how many in each step. The newest step, which has not ended, is the last. */
  get recent(): { reason: string; recent: number[] }[] {
    const steps = Array.from({ length: STEPS }, (_, index) => this.#of(this.#step + 1 + index))
    return reasons
      .map((reason, index) => ({ reason, recent: steps.map((counts) => counts[index]!) }))
      .filter(({ recent }) => recent.some((count) => count > 0))
  }

  get #step(): number {
    return Math.floor(this.#seconds / REASON_STEP)
  }

  #of(step: number): Uint32Array {
    const at = (step % STEPS) * reasons.length
    return this.#counts.subarray(at, at + reasons.length)
  }
}
