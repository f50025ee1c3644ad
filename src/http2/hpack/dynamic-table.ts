import { FIELD_OVERHEAD, type Field, LINE_OVERHEAD } from './field.ts'

const NONE = Buffer.alloc(0)
const FEWEST_ENTRIES = 16
const FEWEST_BYTES = 512
/** For each entry: where its line begins, where its name ends, where the line ends, and its kind. */
const STRIDE = 4

/**
 * The dynamic table of HPACK (RFC 7541 §2.3.2). The lines of its entries lie one after the other in one piece of memory, and
 * only numbers say where: an entry costs no object.
 */
export class DynamicTable {
  /** How many entries there are. */
  count = 0
  /** How many there have ever been: each has its number, from 0, for good. */
  inserted = 0
  #maxSize: number
  #size = 0
  #bytes = NONE
  /** Where the next line goes; the lines from the oldest entry's on lie before it. */
  #end = 0
  #entries = new Int32Array(0)
  /** The capacity of `#entries` less 1: an entry's place is the lower bits of its number. */
  #mask = -1

  /** @param maxSize as RFC 7541 §4.1 counts it: 32 for each entry more than name and value */
  constructor(maxSize: number) {
    this.#maxSize = maxSize
  }

  get maxSize(): number {
    return this.#maxSize
  }

  resize(maxSize: number): void {
    this.#maxSize = maxSize
    this.#evict(maxSize)
  }

  /** Finds the entry with that number, of those that are still there. */
  read(number: number, into: Field): void {
    const entries = this.#entries
    const at = (number & this.#mask) * STRIDE
    into.bytes = this.#bytes
    into.start = entries[at]!
    into.nameEnd = entries[at + 1]!
    into.end = entries[at + 2]!
    into.kind = entries[at + 3]!
  }

  /**
   * Adds the line `bytes[start, end)`, which is not in this table's memory. Where it has no room even alone, the table is empty
   * afterwards (RFC 7541 §4.4).
   */
  insert(bytes: Uint8Array, start: number, nameEnd: number, end: number, kind: number): void {
    const length = end - start
    const size = length - LINE_OVERHEAD + FIELD_OVERHEAD
    this.#evict(this.#maxSize - size)
    if (size > this.#maxSize) return
    this.#makeRoom(length)
    const memory = this.#bytes
    const to = this.#end
    for (let i = 0; i < length; i++) memory[to + i] = bytes[start + i]!
    const entries = this.#entries
    const at = (this.inserted & this.#mask) * STRIDE
    entries[at] = to
    entries[at + 1] = to + nameEnd - start
    entries[at + 2] = to + length
    entries[at + 3] = kind
    this.#end = to + length
    this.#size += size
    this.inserted++
    this.count++
  }

  #evict(most: number): void {
    const entries = this.#entries
    while (this.#size > most && this.count > 0) {
      const at = ((this.inserted - this.count) & this.#mask) * STRIDE
      this.#size -= entries[at + 2]! - entries[at]! - LINE_OVERHEAD + FIELD_OVERHEAD
      this.count--
    }
  }

  #makeRoom(length: number): void {
    if (this.count > this.#mask) this.#growEntries()
    if (this.#end + length <= this.#bytes.length) return
    const start = this.count === 0 ? this.#end : this.#entries[((this.inserted - this.count) & this.#mask) * STRIDE]!
    const used = this.#end - start
    // At least half is free afterwards, so that lines are moved once on average.
    const larger = Math.max(FEWEST_BYTES, 2 * (used + length))
    const target = larger > this.#bytes.length ? Buffer.allocUnsafeSlow(larger) : this.#bytes
    target.set(this.#bytes.subarray(start, this.#end))
    this.#bytes = target
    this.#end = used
    for (let number = this.inserted - this.count; number < this.inserted; number++) {
      const at = (number & this.#mask) * STRIDE
      this.#entries[at]! -= start
      this.#entries[at + 1]! -= start
      this.#entries[at + 2]! -= start
    }
  }

  #growEntries(): void {
    const capacity = Math.max(FEWEST_ENTRIES, 2 * (this.#mask + 1))
    const entries = new Int32Array(capacity * STRIDE)
    for (let number = this.inserted - this.count; number < this.inserted; number++) {
      const from = (number & this.#mask) * STRIDE
      entries.set(this.#entries.subarray(from, from + STRIDE), (number & (capacity - 1)) * STRIDE)
    }
    this.#entries = entries
    this.#mask = capacity - 1
  }
}
