/** Results that are kept for a short time; the oldest go first where there are too many. */
export class BriefCache<Value> {
  readonly #most: number
  readonly #now: () => number
  readonly #entries = new Map<string, { readonly value: Value; readonly until: number }>()

  /**
   * @param most how many it keeps
   * @param now a clock in ms
   */
  constructor(most: number, now: () => number) {
    this.#most = most
    this.#now = now
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.until > this.#now()) return entry.value
    this.#entries.delete(key)
    return undefined
  }

  /** @param ms how long it is kept */
  set(key: string, value: Value, ms: number): void {
    this.#entries.delete(key)
    if (this.#entries.size >= this.#most) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(key, { value, until: this.#now() + ms })
  }
}
