const SECOND = 1000

/** Lets at most so many things through within any second, and after a first burst not all of them at its beginning. */
export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  /** When the last ones were let through, in ms. */
  readonly #times: Float64Array
  #next = 0
  /** How many may follow at once. It grows with time. */
  #allowance: number
  #grownAt = 0

  /** @param burst how many may follow at once after a pause */
  constructor(perSecond: number, burst = perSecond) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#allowance = burst
    this.#times = new Float64Array(perSecond).fill(Number.NEGATIVE_INFINITY)
  }

  /** Whether one more would be let through at that time, in ms. */
  allows(now: number): boolean {
    const grown = this.#allowance + ((now - this.#grownAt) * this.#perSecond) / SECOND
    return Math.min(this.#burst, grown) >= 1 && now - this.#times[this.#next]! >= SECOND
  }

  /** Lets one through, if it is allowed. */
  take(now: number): boolean {
    if (!this.allows(now)) return false
    const grown = this.#allowance + ((now - this.#grownAt) * this.#perSecond) / SECOND
    this.#allowance = Math.min(this.#burst, grown) - 1
    this.#grownAt = now
    this.#times[this.#next] = now
    this.#next = (this.#next + 1) % this.#times.length
    return true
  }
}
