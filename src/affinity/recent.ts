/**
 * A bounded memory of what was worked out lately. Of two generations the older is forgotten whole once the younger is
 * full, so that what is asked for again and again stays, at the price of a look-up.
 */
export class Recent<Value> {
  readonly #most: number
  #younger = new Map<string, Value>()
  #older = new Map<string, Value>()

  /** @param most entries of one generation */
  constructor(most: number) {
    this.#most = most
  }

  get(key: string): Value | undefined {
    const value = this.#younger.get(key)
    if (value !== undefined) return value
    const old = this.#older.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: Value): void {
    if (this.#younger.size >= this.#most) {
      this.#older = this.#younger
      this.#younger = new Map()
    }
    this.#younger.set(key, value)
  }
}
