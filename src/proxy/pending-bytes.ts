/** The head that is read again for each line at the start of it may cost so many times its size, and not its square. */
const REREADS = 8
/** A short head may be read again for every line. */
const SHORT = 4096

/**
 * Bytes of a message whose head is incomplete. They lie in memory of their own, which grows by doubling, so that neither
 * a slab that others share is kept alive nor a head that arrives byte by byte costs its square.
 */
export class PendingBytes {
  #memory: Buffer
  #length = 0
  /** Bytes that have been read in vain, over all readings. */
  #read = 0
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
   * @returns whether reading the head again may come to something: a line has ended, and reading it now costs little for
   *   its size or the head may be complete
   */
  add(bytes: Buffer, limit: number): boolean {
    const before = this.#length
    this.#append(bytes)
    this.#hasNewLine ||= bytes.includes(LF)
    if (!this.#hasNewLine && this.#length < limit) return false
    const isCheap = this.#length <= SHORT || this.#read + this.#length <= REREADS * this.#length
    if (!isCheap && this.#length < limit && !this.#endsHead(before)) return false
    this.#read += this.#length
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

const LF = 0x0a
const EMPTY_LINE = Buffer.from('\r\n\r\n')
