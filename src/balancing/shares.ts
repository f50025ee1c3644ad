/** Owners side by side on a line, each as long as its weight. Finds the owner of a place on the line. */
export class Shares {
  /** The length of the line. */
  readonly total: number
  /** Where each owner's part ends. */
  readonly #ends: Float64Array

  constructor(weights: ArrayLike<number>) {
    this.#ends = new Float64Array(weights.length)
    let total = 0
    for (let i = 0; i < weights.length; i++) {
      total += weights[i]!
      this.#ends[i] = total
    }
    this.total = total
  }

  /** Where an owner's part begins. */
  start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!
  }

  end(index: number): number {
    return this.#ends[index]!
  }

  /** The index of the owner of a place, which is at least 0 and less than `total`. */
  at(place: number): number {
    const ends = this.#ends
    let low = 0
    let high = ends.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[middle]! > place) high = middle
      else low = middle + 1
    }
    return low
  }
}
