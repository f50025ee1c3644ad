/** How long more changes are waited for after each, in ms, and at most after the first. */
const QUIET = 10
const LONGEST = 100

/** Puts changes into effect, several together where they come in a burst, and one after the other. */
export class Gathering {
  readonly #apply: () => Promise<void>
  #timer: NodeJS.Timeout | undefined
  #firstAt = 0
  #isApplying = false
  #isPending = false
  #isClosed = false

  /** @param apply puts all into effect that has changed until then */
  constructor(apply: () => Promise<void>) {
    this.#apply = apply
  }

  /** There is something to put into effect: at once, or with what else comes soon. */
  add(isUrgent: boolean): void {
    if (this.#isClosed) return
    const now = performance.now()
    if (!this.#isPending) this.#firstAt = now
    this.#isPending = true
    if (this.#isApplying) return
    clearTimeout(this.#timer)
    if (isUrgent) return void this.#run()
    this.#timer = setTimeout(() => void this.#run(), Math.max(0, Math.min(QUIET, this.#firstAt + LONGEST - now)))
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    this.#isApplying = true
    while (this.#isPending && !this.#isClosed) {
      this.#isPending = false
      await this.#apply()
    }
    this.#isApplying = false
  }
}
