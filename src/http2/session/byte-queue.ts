const NOTHING = Buffer.alloc(0)
const FEWEST_BYTES = 1024

/** Bytes that wait, `bytes[from, to)`: added at the end, and taken from the front. Empty, it has no memory. */
export class ByteQueue {
  bytes: Buffer = NOTHING
  from = 0
  to = 0

  get length(): number {
    return this.to - this.from
  }

  /** Copies `bytes[from, to)`. */
  add(bytes: Buffer, from: number, to: number): void {
    const { length } = this
    const size = to - from
    if (this.to + size > this.bytes.length) {
      const needed = length + size
      const larger = needed > this.bytes.length
      const target = larger ? Buffer.allocUnsafeSlow(Math.max(FEWEST_BYTES, 2 * length, needed)) : this.bytes
      target.set(this.bytes.subarray(this.from, this.to))
      this.bytes = target
      this.from = 0
      this.to = length
    }
    this.bytes.set(bytes.subarray(from, to), this.to)
    this.to += size
  }

  /** Keeps `bytes[from, to)` themselves: nothing may change them, or be added, until they are taken. The queue must be empty. */
  hold(bytes: Buffer, from: number, to: number): void {
    this.bytes = bytes
    this.from = from
    this.to = to
  }

  clear(): void {
    this.bytes = NOTHING
    this.from = this.to = 0
  }
}
