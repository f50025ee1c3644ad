import { isWorthReading, PendingBytes } from '../http1/pending-bytes.ts'

const NOTHING = Buffer.alloc(0)

/** What has arrived on a client's connection and has not been taken. */
export class UnreadBytes {
  /** Valid from `at` on. */
  bytes: Buffer = NOTHING
  at = 0
  /** What `bytes` are a view of while they are a head that is incomplete. */
  #incomplete: PendingBytes | undefined

  get length(): number {
    return this.bytes.length - this.at
  }

  get isEmpty(): boolean {
    return this.at >= this.bytes.length
  }

  /**
   * Keeps a copy of bytes that have arrived.
   *
   * @param limit of a head's size
   * @returns whether reading what there is may come to something
   */
  add(bytes: Buffer, limit: number): boolean {
    if (this.#incomplete !== undefined) {
      const isDue = this.#incomplete.add(bytes, limit)
      this.bytes = this.#incomplete.bytes
      return isDue
    }
    this.bytes = this.isEmpty ? Buffer.from(bytes) : Buffer.concat([this.bytes.subarray(this.at), bytes])
    this.at = 0
    return true
  }

  /** Whether it is worth reading a head. */
  mayHoldHead(limit: number): boolean {
    return this.#incomplete !== undefined || isWorthReading(this.bytes, this.at, limit)
  }

  /** The rest of the head may be long in coming: what there is must not keep alive memory that others share. */
  awaitRestOfHead(): void {
    if (this.#incomplete !== undefined) return
    this.#incomplete = new PendingBytes(this.bytes.subarray(this.at))
    this.bytes = this.#incomplete.bytes
    this.at = 0
  }

  /** The bytes before that offset have been taken. */
  takeTo(at: number): void {
    this.at = at
    this.#incomplete = undefined
    if (this.isEmpty) this.clear()
  }

  clear(): void {
    this.bytes = NOTHING
    this.at = 0
    this.#incomplete = undefined
  }
}
