/** The minimum time between two notices, in ms. */
const PAUSE = 60_000

/** Limits a notice that any client can cause, so that it cannot fill the log: the first at once, then one per minute. */
export class OccasionalNotice {
  #givenAt = -Infinity
  #count = 0

  /**
   * Counts an occurrence at time `now` (ms).
   *
   * @returns the number of occurrences since the last notice if a notice is due now; else 0
   */
  due(now: number): number {
    this.#count++
    if (now - this.#givenAt < PAUSE) return 0
    const count = this.#count
    this.#givenAt = now
    this.#count = 0
    return count
  }
}

/** An OccasionalNotice for each kind. There must be few kinds. */
export class OccasionalNotices {
  readonly #byKind = new Map<string, OccasionalNotice>()

  /** See `OccasionalNotice.due`. */
  due(kind: string, now: number): number {
    const notice = this.#byKind.get(kind) ?? new OccasionalNotice()
    this.#byKind.set(kind, notice)
    return notice.due(now)
  }
}
