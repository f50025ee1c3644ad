import { ServerCell } from '../../runtime/tallies/layout.ts'
import type { ServerHolding } from '../slots/slot-book.ts'
import { hundredths } from './hundredths.ts'
import { Load } from './load.ts'

/** How many steps are kept of a server. */
export const STEPS = 40
/** The length of a step, in intervals of the sampler. */
export const STEP = 3

/** A server's traffic in the last interval, and in the last steps. */
export class ServerTrack {
  readonly holding: ServerHolding
  readonly load = new Load()
  /** The mean time to the first byte, in ms, in the last interval that had an answer. */
  latency: number | null = null
  /** Requests a second, and the mean time to the first byte in ms (NaN: no answer), by step. */
  readonly #requests = new Float32Array(STEPS)
  readonly #latencies = new Float32Array(STEPS).fill(Number.NaN)
  #stepRequests = 0
  #stepSeconds = 0
  #stepAnswers = 0

  constructor(holding: ServerHolding) {
    this.holding = holding
  }

  /** @param changes what was counted within so many seconds */
  take(changes: Float64Array, seconds: number): void {
    this.load.clear()
    this.load.addOutcomes(changes, seconds)
    const answers = changes[ServerCell.Answers]!
    if (answers > 0) this.latency = hundredths((changes[ServerCell.AnswerSeconds]! * 1000) / answers)
    this.#stepRequests += this.load.requests * seconds
    this.#stepSeconds += changes[ServerCell.AnswerSeconds]!
    this.#stepAnswers += answers
  }

  /** @param seconds how long the step was */
  endStep(step: number, seconds: number): void {
    const index = step % STEPS
    this.#requests[index] = this.#stepRequests / seconds
    this.#latencies[index] = (this.#stepSeconds * 1000) / this.#stepAnswers
    this.#stepRequests = 0
    this.#stepSeconds = 0
    this.#stepAnswers = 0
  }

  /** @param next the step that has not ended yet */
  recentRequests(next: number): number[] {
    return Array.from({ length: STEPS }, (_, index) => hundredths(this.#requests[(next + index) % STEPS]!))
  }

  recentLatencies(next: number): (number | null)[] {
    return Array.from({ length: STEPS }, (_, index) => {
      const latency = this.#latencies[(next + index) % STEPS]!
      return Number.isNaN(latency) ? null : hundredths(latency)
    })
  }
}
