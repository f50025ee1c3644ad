/** Random choices; the same seed gives the same ones (mulberry32). */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }

  /** Offsets at which the network might split so many bytes. */
  cuts(length: number): number[] {
    if (this.below(8) === 0) return Array.from({ length }, (_, index) => index)
    return Array.from({ length: this.below(6) }, () => this.below(length + 1)).sort((a, b) => a - b)
  }
}
