import { pause } from './pause.ts'

/** How often an API may be asked: so many times at once, and then one more each time that a while has gone by. */
export class Allowance {
  #left: number
  #at = performance.now()
  readonly #most: number
  readonly #each: number

  /** @param each how long it takes until one more is allowed, in ms */
  constructor(most: number, each: number) {
    this.#left = most
    this.#most = most
    this.#each = each
  }

  /** Resolves once it is allowed again. */
  async take(signal: AbortSignal): Promise<void> {
    const now = performance.now()
    this.#left = Math.min(this.#most, this.#left + (now - this.#at) / this.#each)
    this.#at = now
    if (this.#left < 1) await pause(this.#each, signal)
    this.#left -= 1
  }
}
