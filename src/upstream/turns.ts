/** What happened while a turn of the event loop was under way has shown by the end of the turn after it. */
const SETTLING = 2

/** Counts the turns of the event loop, as long as somebody waits for some to pass. */
export class Turns {
  #current = 0
  #wanted = 0
  #isCounting = false

  /** The turn from which on what happens now has settled; it will be counted. */
  settlingTurn(): number {
    this.#wanted = this.#current + SETTLING
    if (!this.#isCounting) {
      this.#isCounting = true
      setImmediate(this.#pass)
    }
    return this.#wanted
  }

  hasCome(turn: number): boolean {
    return this.#current >= turn
  }

  readonly #pass = (): void => {
    this.#current++
    if (this.#current < this.#wanted) setImmediate(this.#pass)
    else this.#isCounting = false
  }
}

/** Those of this thread's event loop. */
export const turns = new Turns()
