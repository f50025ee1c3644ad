import { SipHash } from '../sip-hash.ts'

/** The memory for the text of one part, in bytes. */
const SCRATCH = 32 * 1024
/** A part of at most so many octets is hashed together with the id so far. */
const SHORT = 16

/**
 * The id of a key of a limit: a hash of 64 bits over the limit's name and whatever of a request it counts by. Allocates nothing,
 * except for text longer than 10,000 characters. The result is in `high` and `low`, and never 0, 0.
 */
export class LimitKey {
  high = 0
  low = 0
  readonly #hash: SipHash
  /** The id so far, then a short part and a mark behind it, or the hash of a longer part. */
  readonly #chain = new Int32Array(2 + SHORT / 4 + 1)
  readonly #chained = new Uint8Array(this.#chain.buffer)
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH)

  /** @param key of `SIP_KEY_SIZE` octets */
  constructor(key: Uint8Array) {
    this.#hash = new SipHash(key)
  }

  /** Begins with the id of what all keys of a limit begin with. */
  begin(high: number, low: number): void {
    this.high = high
    this.low = low
  }

  /** Adds the first `length` octets; left out: all of them. */
  add(octets: Uint8Array, length = octets.length): void {
    if (length <= SHORT) return this.#addShort(octets, length)
    this.#hash.hash(octets, length)
    this.#continue(this.#hash.high, this.#hash.low)
  }

  #addShort(octets: Uint8Array, length: number): void {
    this.#chain[0] = this.high
    this.#chain[1] = this.low
    for (let at = 0; at < length; at++) this.#chained[8 + at] = octets[at]!
    // What is hashed ends in another octet than that of a part that is missing, whatever its length.
    this.#chained[8 + length] = 1
    this.#take(8 + length + 1)
  }

  addText(text: string): void {
    // A character takes up to three bytes.
    if (text.length * 3 > SCRATCH) this.add(Buffer.from(text))
    else this.add(this.#scratch, this.#scratch.write(text))
  }

  /** Adds an id of 64 bits. */
  addId(high: number, low: number): void {
    this.#continue(high, low)
  }

  /** Adds that a request does not have this part: not the same as an empty one. */
  addNothing(): void {
    this.#continue(0, 0)
  }

  #continue(high: number, low: number): void {
    this.#chain[0] = this.high
    this.#chain[1] = this.low
    this.#chain[2] = high
    this.#chain[3] = low
    this.#take(16)
  }

  #take(length: number): void {
    this.#hash.hash(this.#chained, length)
    this.high = this.#hash.high
    this.low = this.#hash.low || 1
  }
}
