import type { TallyRegions } from '../../runtime/tallies/layout.ts'
import type { Tallies } from '../../runtime/tallies.ts'

/** What was counted in the cells of a slot since it was last read. */
export class TallyChanges {
  readonly #tallies: Tallies
  readonly #region: keyof TallyRegions
  /** The sums at the last reading, by slot. Pages that were never touched take no memory. */
  readonly #last: Float64Array
  readonly #sums: Float64Array
  readonly #changes: Float64Array

  /**
   * @param slots how many there may be
   * @param size the cells of each
   */
  constructor(tallies: Tallies, region: keyof TallyRegions, slots: number, size: number) {
    this.#tallies = tallies
    this.#region = region
    this.#last = new Float64Array(slots * size)
    this.#sums = new Float64Array(size)
    this.#changes = new Float64Array(size)
  }

  /** By cell; valid until the next call. */
  read(slot: number): Float64Array {
    const sums = this.#sums
    const changes = this.#changes
    const at = slot * sums.length
    this.#tallies.read(this.#region, slot, sums)
    for (let cell = 0; cell < sums.length; cell++) {
      const sum = sums[cell]!
      const last = this.#last[at + cell]!
      // A slot that another name has by now may have been zeroed.
      changes[cell] = sum < last ? sum : sum - last
      this.#last[at + cell] = sum
    }
    return changes
  }
}
