/** Up to this many bytes, a head is read again at each of its lines, so that a fault shows at once. */
const SHORT = 4096

const LF = 0x0a
const EMPTY_LINE = Buffer.from('\r\n\r\n')

/**
 * Whether it is worth reading a head that begins at `from`: it is short, has reached its limit, or may be complete. A long one
 * that arrives in two pieces is not read twice.
 */
export function isWorthReading(bytes: Buffer, from: number, limit: number): boolean {
  const length = bytes.length - from
  return length <= SHORT || length >= limit || bytes.indexOf(EMPTY_LINE, from) >= 0
}

/**
 * Bytes of a message whose head is incomplete. They lie in memory of their own, which grows by doubling: they keep no shared
 * slab alive, and a head that arrives byte by byte does not cost the square of its length.
 */
export class PendingBytes {
  #memory: Buffer
  #length = 0
  /** How many bytes there were when the head was last read. */
  #read: number
  /** Whether a line has ended since the last reading. */
  #hasNewLine = false

  /** @param bytes are copied, unless they are all of their memory; then nothing else may write to it */
  constructor(bytes: Buffer) {
    const isOwn = bytes.length === bytes.buffer.byteLength
    this.#memory = isOwn ? bytes : Buffer.allocUnsafeSlow(bytes.length)
    if (isOwn) this.#length = bytes.length
    else this.#append(bytes)
    this.#read = bytes.length
  }

  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length)
  }

  get length(): number {
    return this.#length
  }

  /**
   * Appends what has arrived.
   *
   * @param limit of a head's size: once it is reached, the head is to be read
   * @returns whether to read the head again: a line has ended, and the head is short, may be complete, or has doubled
   */
  add(bytes: Buffer, limit: number): boolean {
    const before = this.#length
    this.#append(bytes)
    this.#hasNewLine ||= bytes.includes(LF)
    if (!this.#hasNewLine && this.#length < limit) return false
    const isDue = this.#length <= SHORT || this.#length >= Math.min(limit, 2 * this.#read) || this.#endsHead(before)
    if (!isDue) return false
    this.#read = this.#length
    this.#hasNewLine = false
    return true
  }

  /** Whether an empty line is in what arrived after the first `before` bytes. */
  #endsHead(before: number): boolean {
    return this.bytes.indexOf(EMPTY_LINE, Math.max(0, before - EMPTY_LINE.length)) >= 0
  }

  #append(bytes: Buffer): void {
    const length = this.#length + bytes.length
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#memory.length))
      larger.set(this.#memory.subarray(0, this.#length))
      this.#memory = larger
    }
    this.#memory.set(bytes, this.#length)
    this.#length = length
  }
}
