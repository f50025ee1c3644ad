/** Up to so many bytes a head may be read again at each of its lines, so that a fault shows at once. */
const SHORT = 4096

const LF = 0x0a
const EMPTY_LINE = Buffer.from('\r\n\r\n')

/**
 * Whether it is worth reading a head that begins at `from`: it is short, has reached its limit, or may be complete. A long one
 * that the network has cut in two is not read twice.
 */
export function isWorthReading(bytes: Buffer, from: number, limit: number): boolean {
  const length = bytes.length - from
  return length <= SHORT || length >= limit || bytes.indexOf(EMPTY_LINE, from) >= 0
}

/**
 * Bytes of a message whose head is incomplete. They lie in memory of their own, which grows by doubling, so that neither
 * a slab that others share is kept alive nor a head that arrives byte by byte costs its square.
 */
export class PendingBytes {
  #memory: Buffer
  #length = 0
  /** How many bytes there were when the head was read last. */
  #read: number
  /** Whether a line has ended since the last reading. */
  #hasNewLine = false

  /** @param bytes are copied, unless all of their memory is theirs; nobody else may write to it then */
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
   * @param limit of a head's size: a reading is due once that is reached
   * @returns whether reading the head again may come to something: a line has ended, and the head is short, may be complete,
   *   or has doubled
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

  /** Whether an empty line lies in what arrived after the first `before` bytes. */
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
