import type { ServerCounters } from '../runtime/scoreboard/server-counters.ts'
import { CLOCK_SLACK } from './suspension.ts'

/** In how many steps a returned server reaches its full weight. A power of two keeps the fractions exact. */
const STEPS = 16

/** How the weight of a server that has returned grows over its `slowStart`, in ms; all workers see the same. */
export class WarmUp {
  readonly #counters: ServerCounters
  readonly #slot: number

  constructor(counters: ServerCounters, slot: number) {
    this.#counters = counters
    this.#slot = slot
  }

  begin(now: number): void {
    this.#counters.setReturnedAt(this.#slot, now | 0)
  }

  /** The share of its weight that the server has at time `now`. */
  share(now: number, slowStart: number): number {
    return this.#step(now, slowStart) / STEPS
  }

  /** In how many ms `share` changes; Infinity if it does not. */
  untilStep(now: number, slowStart: number): number {
    const step = this.#step(now, slowStart)
    if (step === STEPS) return Infinity
    return Math.max(1, (step * slowStart) / STEPS - (((now | 0) - this.#counters.returnedAt(this.#slot)) | 0))
  }

  /** From 1 to STEPS. */
  #step(now: number, slowStart: number): number {
    if (slowStart === 0) return STEPS
    const at = this.#counters.returnedAt(this.#slot)
    if (at === 0) return STEPS
    const age = ((now | 0) - at) | 0
    if (age > -CLOCK_SLACK && age < slowStart) return Math.floor((Math.max(0, age) * STEPS) / slowStart) + 1
    // Cleared before the clock, modulo 2^32, makes an old return look recent.
    this.#counters.clearReturnedAt(this.#slot, at)
    return STEPS
  }
}
