/** In bytes: a page is as large as what there is already, within these. */
const SMALLEST = 4 * 1024
const LARGEST = 64 * 1024

const NOTHING = Buffer.alloc(0)

/**
 * Bytes in memory, in pages that are filled one after the other. However small the pieces are that they come in, they take little more
 * than their length.
 */
export class Pages {
  #length = 0
  /** Those that are full. */
  #full: Buffer[] = []
  /** The last one, and how much of it is filled. */
  #last: Buffer = NOTHING
  #filled = 0

  /** In bytes. */
  get length(): number {
    return this.#length
  }

  /** Appends a copy. */
  add(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; ) {
      if (this.#filled === this.#last.length) this.#addPage(to - at)
      const size = Math.min(to - at, this.#last.length - this.#filled)
      bytes.copy(this.#last, this.#filled, at, at + size)
      this.#filled += size
      this.#length += size
      at += size
    }
  }

  #addPage(size: number): void {
    if (this.#filled > 0) this.#full.push(this.#last)
    this.#last = Buffer.allocUnsafeSlow(Math.min(LARGEST, Math.max(SMALLEST, this.#length, size)))
    this.#filled = 0
  }

  /** What is on the page of that number, from 0 on; undefined if there is none. */
  at(index: number): Buffer | undefined {
    if (index < this.#full.length) return this.#full[index]
    return index === this.#full.length && this.#filled > 0 ? this.#last.subarray(0, this.#filled) : undefined
  }

  /** Takes the first page away; undefined if there is none. */
  shift(): Buffer | undefined {
    const page = this.at(0)
    if (page === undefined) return undefined
    this.#length -= page.length
    if (this.#full.length > 0) this.#full.shift()
    else {
      this.#last = NOTHING
      this.#filled = 0
    }
    return page
  }

  clear(): void {
    this.#full = []
    this.#last = NOTHING
    this.#filled = 0
    this.#length = 0
  }
}
