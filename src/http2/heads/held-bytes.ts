const FEWEST_BYTES = 256

/** Bytes that are kept until they are needed; the same memory serves again and again. */
export class HeldBytes {
  bytes = Buffer.allocUnsafeSlow(FEWEST_BYTES)
  length = 0

  set(bytes: Buffer, from: number, to: number): void {
    this.length = 0
    this.add(bytes, from, to)
  }

  add(bytes: Buffer, from: number, to: number): void {
    const start = this.length
    const end = start + to - from
    if (end > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * end)
      larger.set(this.bytes.subarray(0, start))
      this.bytes = larger
    }
    const target = this.bytes
    for (let i = start, at = from; at < to; ) target[i++] = bytes[at++]!
    this.length = end
  }

  equals(word: Uint8Array): boolean {
    if (this.length !== word.length) return false
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[i] !== word[i]) return false
    }
    return true
  }

  /** Whether it is not empty, and each of its bytes is among those that `table` allows. */
  isMadeOf(table: Uint8Array): boolean {
    for (let i = 0; i < this.length; i++) {
      if (table[this.bytes[i]!] !== 1) return false
    }
    return this.length > 0
  }
}
