import type { TallyRegions } from '../../runtime/tallies/layout.ts'
import type { Tallies } from '../../runtime/tallies.ts'

/** What was counted in the cells of a slot since it was last read. */
export class TallyChanges {
  readonly #tallies: Tallies
  readonly #region: keyof TallyRegions
  /** The sums at the last reading, by slot. Pages that were never touched take no memory. */
  readonly #last: Float64Array
  readonly #changes: Float64Array

  /**
   * @param slots how many there may be
   * @param size the cells of each
   */
  constructor(tallies: Tallies, region: keyof TallyRegions, slots: number, size: number) {
    this.#tallies = tallies
    this.#region = region
    this.#last = new Float64Array(slots * size)
    this.#changes = new Float64Array(size)
  }

  /** By cell; valid until the next call. */
  read(slot: number): Float64Array {
    const changes = this.#changes
    const last = this.#last
    const from = slot * changes.length
    this.#tallies.read(this.#region, slot, changes)
    for (let cell = 0; cell < changes.length; cell++) {
      const sum = changes[cell]!
      const before = last[from + cell]!
      changes[cell] = sum - before
      if (sum !== before) last[from + cell] = sum
    }
    return changes
  }

  /** The slot is about to be zeroed. Returns what it had counted, by cell; valid until the next call. */
  readLast(slot: number): Float64Array {
    const changes = this.read(slot)
    this.#last.fill(0, slot * changes.length, (slot + 1) * changes.length)
    return changes
  }
}
