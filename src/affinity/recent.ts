/** A power of two. */
const PLACES = 4096

interface Entry<Value> {
  readonly key: string
  readonly value: Value
}

/**
 * A bounded cache of computed values, in two generations: when the younger one is full, the older one is dropped, so
 * that what is used again and again stays, for the price of one look-up. A table in front has one place for each ending
 * of a key, since comparing a text costs less than hashing it, and session ids differ in their endings.
 */
export class Recent<Value> {
  readonly #most: number
  #younger = new Map<string, Value>()
  #older = new Map<string, Value>()
  readonly #places: (Entry<Value> | undefined)[] = new Array(PLACES).fill(undefined)

  /** @param most the entries of one generation */
  constructor(most: number) {
    this.#most = most
  }

  get(key: string): Value | undefined {
    const place = placeOf(key)
    const entry = this.#places[place]
    if (entry !== undefined && entry.key === key) return entry.value
    const value = this.#younger.get(key) ?? this.#revive(key)
    if (value !== undefined) this.#places[place] = { key, value }
    return value
  }

  #revive(key: string): Value | undefined {
    const value = this.#older.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: string, value: Value): void {
    if (this.#younger.size >= this.#most) {
      this.#older = this.#younger
      this.#younger = new Map()
    }
    this.#younger.set(key, value)
    this.#places[placeOf(key)] = { key, value }
  }

  /** The keys and values, the younger generation first. What is added meanwhile may be left out. */
  *entries(): Iterable<readonly [string, Value]> {
    const older = this.#older
    yield* this.#younger
    yield* older
  }

  /** Drops stale values. Visits every entry. */
  forget(isStale: (value: Value) => boolean): void {
    for (const generation of [this.#younger, this.#older]) {
      for (const [key, value] of generation) if (isStale(value)) generation.delete(key)
    }
    for (const [place, entry] of this.#places.entries()) {
      if (entry !== undefined && isStale(entry.value)) this.#places[place] = undefined
    }
  }
}

/** Letters differ in their lower five bits. */
function placeOf(key: string): number {
  const { length } = key
  if (length < 3) return 0
  const ending = (key.charCodeAt(length - 1) << 7) ^ (key.charCodeAt(length - 2) << 4) ^ key.charCodeAt(length - 3)
  return ending & (PLACES - 1)
}
