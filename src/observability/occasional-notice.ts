/** How long nothing is said after something was, in ms. */
const PAUSE = 60_000

/** Keeps a notice of what any stranger can bring about from filling the log: the first is given at once, then one a minute. */
export class OccasionalNotice {
  #givenAt = -Infinity
  #count = 0

  /**
   * It has happened again, at time `now` (ms).
   *
   * @returns how often since the notice was last given, if it is to be given now; else 0
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

/** An OccasionalNotice for each of a few kinds. */
export class OccasionalNotices {
  readonly #byKind = new Map<string, OccasionalNotice>()

  /** See `OccasionalNotice.due`. */
  due(kind: string, now: number): number {
    const notice = this.#byKind.get(kind) ?? new OccasionalNotice()
    this.#byKind.set(kind, notice)
    return notice.due(now)
  }
}
