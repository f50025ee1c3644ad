import { reasons } from '../../runtime/reason.ts'
import { UpstreamCell } from '../../runtime/tallies/layout.ts'
import { stickinessOf } from './stickiness.ts'

/** How many steps are kept, and how long each is, in s: five minutes together. */
const STEPS = 20
export const DECISION_STEP = 15

/** What is counted in each step: by the index of the reason, and last of known sessions. */
const KNOWN = reasons.length
const STUCK = KNOWN + 1
const CELLS = STUCK + 1

/** Why requests of an upstream went where they went in the last five minutes, and how many reached the server of their session. */
export class DecisionHistory {
  /** A ring of steps. */
  readonly #counts = new Uint32Array(STEPS * CELLS)
  #seconds = 0

  /** @param changes what was counted of the upstream within so many seconds */
  add(changes: Float64Array, seconds: number): void {
    const before = this.#step
    this.#seconds += seconds
    const step = this.#step
    // More than a round clears the same again.
    for (let next = Math.max(before, step - STEPS) + 1; next <= step; next++) this.#of(next).fill(0)
    const counts = this.#of(step)
    for (let reason = 0; reason < KNOWN; reason++) counts[reason]! += changes[UpstreamCell.Reasons + reason]!
    counts[KNOWN]! += changes[UpstreamCell.Known]!
    counts[STUCK]! += changes[UpstreamCell.Stuck]!
  }

  /** The reasons that there were; of each, how many in each step. The newest step, which has not ended, is the last. */
  get reasons(): { reason: string; recent: number[] }[] {
    const steps = Array.from({ length: STEPS }, (_, index) => this.#of(this.#step + 1 + index))
    return reasons
      .map((reason, index) => ({ reason, recent: steps.map((counts) => counts[index]!) }))
      .filter(({ recent }) => recent.some((count) => count > 0))
  }

  /** The share of requests of known sessions that reached their server; null where there were none. */
  get stickiness(): number | null {
    let known = 0
    let stuck = 0
    for (let at = 0; at < this.#counts.length; at += CELLS) {
      known += this.#counts[at + KNOWN]!
      stuck += this.#counts[at + STUCK]!
    }
    return stickinessOf({ known, stuck })
  }

  get #step(): number {
    return Math.floor(this.#seconds / DECISION_STEP)
  }

  #of(step: number): Uint32Array {
    const at = (step % STEPS) * CELLS
    return this.#counts.subarray(at, at + CELLS)
  }
}
