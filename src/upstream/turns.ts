/** Whatever happens during one turn of the event loop has shown by the end of the next. */
const SETTLING = 2

/** Counts the turns of the event loop while anything waits for one of them. */
class Turns {
  #current = 0
  #wanted = 0
  #isCounting = false

  /** The turn by which whatever happens now has shown; turns are counted until then. */
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

/** The turns of this thread's event loop. */
export const turns = new Turns()
