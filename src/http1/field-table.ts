import { lower } from './bytes.ts'
import { FieldName } from './field-name.ts'
import type { Head } from './head.ts'
import { hashByte } from './name-hash.ts'

const FEWEST_SLOTS = 256

/**
 * The fields of a head by their names, without Host. Looking up all names of a list takes time by the length of the list
 * plus that of the head, not by their product. One table serves one head after another.
 */
export class FieldTable {
  #head: Head | undefined
  /** By the upper bits of a hash: the first field of the slot's chain, or -1; and for each field the next one. */
  #slots = new Int32Array(FEWEST_SLOTS)
  #next = new Int32Array(FEWEST_SLOTS)
  #hashes = new Int32Array(FEWEST_SLOTS)
  #shift = 0

  enter(head: Head): void {
    this.#head = head
    while (this.#slots.length < head.count) this.#grow()
    this.#shift = Math.clz32(this.#slots.length) + 1
    this.#slots.fill(-1)
    for (let field = 0; field < head.count; field++) {
      if (head.names[field] === FieldName.Host) continue
      let hash = 0
      for (let at = head.nameStart(field); at < head.nameEnd(field); at++) hash = hashByte(hash, head.bytes[at]!)
      const slot = hash >>> this.#shift
      this.#hashes[field] = hash
      this.#next[field] = this.#slots[slot]!
      this.#slots[slot] = field
    }
  }

  /**
   * Takes one field of that name out.
   *
   * @param hash of the name, which is `bytes[from, to)` of the head
   * @returns the field; -1 if none is left
   */
  take(hash: number, from: number, to: number): number {
    const slot = hash >>> this.#shift
    let previous = -1
    for (let field = this.#slots[slot]!; field >= 0; field = this.#next[field]!) {
      if (this.#hashes[field] === hash && this.#isNamed(field, from, to)) {
        if (previous < 0) this.#slots[slot] = this.#next[field]!
        else this.#next[previous] = this.#next[field]!
        return field
      }
      previous = field
    }
    return -1
  }

  #isNamed(field: number, from: number, to: number): boolean {
    const head = this.#head!
    const start = head.nameStart(field)
    if (head.nameEnd(field) - start !== to - from) return false
    for (let i = 0; i < to - from; i++) {
      if (lower(head.bytes[start + i]!) !== lower(head.bytes[from + i]!)) return false
    }
    return true
  }

  #grow(): void {
    const size = this.#slots.length * 2
    this.#slots = new Int32Array(size)
    this.#next = new Int32Array(size)
    this.#hashes = new Int32Array(size)
  }
}
