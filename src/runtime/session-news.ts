/**
 * What has changed in a session table since it was saved last: a flag that says that anything has, and a bit for each entry that
 * has news. All threads share it.
 */
export class SessionNews {
  readonly #cells: Int32Array

  /** @param cells as many as `sizeFor` says, which nobody else uses */
  constructor(cells: Int32Array) {
    this.#cells = cells
  }

  /** How many cells the news of so many entries take. */
  static sizeFor(entries: number): number {
    return 1 + entries / 32
  }

  /** Notes that something has changed. Looks first: a cell that all threads only read costs them nothing. */
  noteChange(): void {
    if (this.#cells[0] === 0) Atomics.store(this.#cells, 0, 1)
  }

  /** Whether anything has changed since this was asked last. */
  takeChange(): boolean {
    return Atomics.exchange(this.#cells, 0, 0) !== 0
  }

  /** Notes that an entry has news. To be called after the change: whoever takes the mark then finds what it stands for. */
  mark(entry: number): void {
    Atomics.or(this.#cells, 1 + (entry >>> 5), 1 << (entry & 31))
  }

  /** The entries from `from` up to `to`, both multiples of 32, that have had news since this was asked last. */
  *take(from: number, to: number): Iterable<number> {
    for (let word = from / 32; word < to / 32; word++) {
      if (this.#cells[1 + word] === 0) continue
      for (let bits = Atomics.exchange(this.#cells, 1 + word, 0); bits !== 0; bits &= bits - 1)
        yield word * 32 + 31 - Math.clz32(bits & -bits)
    }
  }

  /** No entry has news. */
  forget(): void {
    this.#cells.fill(0, 1)
  }
}
