/** The tag of a key that was added with several tags. */
export const SEVERAL = -2

/** A frequent key. */
export interface Counted {
  readonly key: string
  /** A count that is never too low. */
  readonly count: number
  /** By how much `count` may be too high. */
  readonly error: number
  /** The tag that the key was always added with, or `SEVERAL`. */
  readonly tag: number
}

/**
 * Finds the most frequent keys in bounded memory: Space-Saving (Metwally, Agrawal and El Abbadi, Efficient Computation
 * of Frequent and Top-k Elements in Data Streams, ICDT 2005). With `size` counters, every key that makes more than
 * 1/size of the total has one; no count is too low, and none is too high by more than total/size.
 */
export class SpaceSaving {
  total = 0
  readonly #size: number
  readonly #places = new Map<string, number>()
  readonly #keys: string[] = []
  readonly #counts: Float64Array
  readonly #errors: Float64Array
  readonly #tags: Int32Array

  constructor(size: number) {
    this.#size = size
    this.#counts = new Float64Array(size)
    this.#errors = new Float64Array(size)
    this.#tags = new Int32Array(size)
  }

  add(key: string, tag: number): void {
    this.total++
    const place = this.#places.get(key) ?? this.#placeFor(key, tag)
    this.#counts[place]! += 1
    if (this.#tags[place] !== tag) this.#tags[place] = SEVERAL
  }

  /** Assigns a counter to a new key: a free one, or the lowest, whose count it takes over. */
  #placeFor(key: string, tag: number): number {
    const { length } = this.#keys
    const place = length < this.#size ? length : this.#lowest()
    const old = this.#keys[place]
    if (old !== undefined) this.#places.delete(old)
    this.#places.set(key, place)
    this.#keys[place] = key
    this.#errors[place] = this.#counts[place]!
    this.#tags[place] = tag
    return place
  }

  #lowest(): number {
    const counts = this.#counts
    let lowest = 0
    for (let place = 1; place < counts.length; place++) if (counts[place]! < counts[lowest]!) lowest = place
    return lowest
  }

  /** The most frequent keys, in descending order. */
  top(most: number): Counted[] {
    const all = this.#keys.map((key, place) => ({
      key,
      count: this.#counts[place]!,
      error: this.#errors[place]!,
      tag: this.#tags[place]!,
    }))
    return all.sort((a, b) => b.count - a.count).slice(0, most)
  }

  clear(): void {
    this.total = 0
    this.#places.clear()
    this.#keys.length = 0
    this.#counts.fill(0)
  }
}
