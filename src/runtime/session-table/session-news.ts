import { NEWS_IN_PART, type Regions, STRIDE } from './layout.ts'

/** What has changed in a session table since it was last saved: whether anything has, and which entries must be saved. */
export class SessionNews {
  readonly #changed: Int32Array
  readonly #marks: Int32Array

  constructor({ changed, news }: Regions) {
    this.#changed = changed
    this.#marks = news
  }

  /** Looks first: a cell that all threads only read costs them nothing. */
  noteChange(): void {
    if (this.#changed[0] === 0) Atomics.store(this.#changed, 0, 1)
  }

  /** Whether anything has changed since this was last asked. */
  takeChange(): boolean {
    return Atomics.exchange(this.#changed, 0, 0) !== 0
  }

  /** Call it after the change to the entry, so that the thread that takes the mark finds the change. */
  mark(at: number): void {
    const entry = at / STRIDE
    Atomics.or(this.#marks, entry >>> 5, 1 << (entry & 31))
  }

  /** The entries of one part of the table that were marked since this was last asked. */
  *take(part: number): Iterable<number> {
    for (let word = part * NEWS_IN_PART; word < (part + 1) * NEWS_IN_PART; word++) {
      if (this.#marks[word] === 0) continue
      for (let bits = Atomics.exchange(this.#marks, word, 0); bits !== 0; bits &= bits - 1) {
        yield (word * 32 + 31 - Math.clz32(bits & -bits)) * STRIDE
      }
    }
  }

  /** Removes all marks. */
  forget(): void {
    this.#marks.fill(0)
  }
}
