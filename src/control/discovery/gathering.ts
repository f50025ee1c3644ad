/** How long more changes are waited for after each, in ms, and at most after the first. */
const QUIET = 10
const LONGEST = 100

/** Puts changes into effect, several together where they come in a burst, and one after the other. */
export class Gathering {
  readonly #apply: () => Promise<void>
  #timer: NodeJS.Timeout | undefined
  /** When the first change came that is not in effect; undefined if all are. */
  #since: number | undefined
  #isUrgent = false
  #isApplying = false
  #isClosed = false

  /** @param apply puts all into effect that has changed until then */
  constructor(apply: () => Promise<void>) {
    this.#apply = apply
  }

  /** There is something to put into effect: at once, or with what else comes soon. */
  add(isUrgent: boolean): void {
    this.#since ??= performance.now()
    this.#isUrgent ||= isUrgent
    this.#plan()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #plan(): void {
    if (this.#since === undefined || this.#isApplying || this.#isClosed) return
    clearTimeout(this.#timer)
    if (this.#isUrgent) return void this.#run()
    const longest = this.#since + LONGEST - performance.now()
    this.#timer = setTimeout(() => void this.#run(), Math.max(0, Math.min(QUIET, longest)))
  }

  async #run(): Promise<void> {
    this.#since = undefined
    this.#isUrgent = false
    this.#isApplying = true
    await this.#apply()
    this.#isApplying = false
    this.#plan()
  }
}
