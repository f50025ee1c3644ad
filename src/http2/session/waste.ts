/** A client is wasteful that has had so much read for nothing, in what an empty frame costs: about 1 µs. */
const MOST = 256
/** How much of it is forgotten in a ms: a few percent of a thread's time. */
const FORGOTTEN = 2

/**
 * What was read of a client for nothing, as far as that is not forgotten. What is of use makes up for twice its cost, so that a client
 * that sends anything of use besides is not wasteful.
 */
export class Waste {
  #amount = 0
  /** What of the cost of what is being read is of use. */
  #useful = 0
  /** Until when what is forgotten has been deducted, in ms. */
  #at = 0

  /** @param cost negative where it turns out to have been for nothing */
  useful(cost: number): void {
    this.#useful += cost
  }

  /** What was read until now has cost so much, of use or not. */
  add(cost: number): void {
    const amount = this.#amount + cost - 2 * this.#useful
    this.#useful = 0
    if (amount <= 0) {
      // Nearly always: then there is nothing to forget, either.
      this.#amount = 0
      return
    }
    const now = performance.now()
    this.#amount = Math.min(2 * MOST, Math.max(0, amount - FORGOTTEN * (now - this.#at)))
    this.#at = now
  }

  get isTooMuch(): boolean {
    return this.#amount >= MOST && this.#amount - FORGOTTEN * (performance.now() - this.#at) >= MOST
  }
}
