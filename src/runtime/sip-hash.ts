/** In octets. */
export const SIP_KEY_SIZE = 16

/**
 * SipHash (Aumasson and Bernstein, SipHash: a fast short-input PRF, 2012): a hash of 64 bits under a key of 128. Without the
 * key, clients cannot choose inputs whose hashes collide. Use it for every shared table whose keys clients choose.
 *
 * JavaScript has no fast integers of 64 bits, so each word is two Int32. A hash allocates nothing: the result is in `high`
 * and `low`.
 */
export class SipHash {
  /** The two halves of the last hash, as Int32. */
  high = 0
  low = 0
  readonly #key: Int32Array
  readonly #rounds: number
  readonly #lastRounds: number
  readonly #pair = new Int32Array(2)
  readonly #pairOctets = new Uint8Array(this.#pair.buffer)

  /**
   * @param key 16 octets
   * @param rounds for each word of the input. Hash tables use SipHash-1-3 (Rust, Ruby, CPython); the paper's test
   *   vectors are of SipHash-2-4.
   * @param lastRounds after the last word
   * @throws RangeError for a key of another size
   */
  constructor(key: Uint8Array, rounds = 1, lastRounds = 3) {
    if (key.length !== SIP_KEY_SIZE)
      throw new RangeError(`expected a key of ${SIP_KEY_SIZE} octets, found ${key.length}`)
    this.#key = Int32Array.from([0, 4, 8, 12], (at) => wordAt(key, at))
    this.#rounds = rounds
    this.#lastRounds = lastRounds
  }

  /** Hashes eight octets that are two Int32. */
  hashPair(one: number, other: number): void {
    this.#pair[0] = one
    this.#pair[1] = other
    this.hash(this.#pairOctets)
  }

  /** Hashes the first `length` octets; left out: all of them. */
  hash(octets: Uint8Array, length = octets.length): void {
    const key = this.#key
    let low0 = key[0]! ^ 0x70736575
    let high0 = key[1]! ^ 0x736f6d65
    let low1 = key[2]! ^ 0x6e646f6d
    let high1 = key[3]! ^ 0x646f7261
    let low2 = key[0]! ^ 0x6e657261
    let high2 = key[1]! ^ 0x6c796765
    let low3 = key[2]! ^ 0x79746573
    let high3 = key[3]! ^ 0x74656462
    // The last word has the remaining octets and the length. The final rounds after it take in no word.
    const lastWord = length >>> 3
    for (let word = 0; word <= lastWord + 1; word++) {
      const at = word << 3
      let low = 0
      let high = 0
      if (word < lastWord) {
        low = wordAt(octets, at)
        high = wordAt(octets, at + 4)
      } else if (word === lastWord) {
        high = length << 24
        for (let rest = at; rest < length; rest++) {
          if (rest < at + 4) low |= octets[rest]! << (8 * (rest - at))
          else high |= octets[rest]! << (8 * (rest - at - 4))
        }
      } else {
        low2 ^= 0xff
      }
      low3 ^= low
      high3 ^= high
      for (let round = word > lastWord ? this.#lastRounds : this.#rounds; round > 0; round--) {
        let carried: number
        low0 = (low0 + low1) | 0
        high0 = (high0 + high1 + (low0 >>> 0 < low1 >>> 0 ? 1 : 0)) | 0
        carried = (low1 << 13) | (high1 >>> 19)
        high1 = ((high1 << 13) | (low1 >>> 19)) ^ high0
        low1 = carried ^ low0
        // A rotation by 32 swaps the halves.
        carried = low0
        low0 = high0
        high0 = carried
        low2 = (low2 + low3) | 0
        high2 = (high2 + high3 + (low2 >>> 0 < low3 >>> 0 ? 1 : 0)) | 0
        carried = (low3 << 16) | (high3 >>> 16)
        high3 = ((high3 << 16) | (low3 >>> 16)) ^ high2
        low3 = carried ^ low2
        low0 = (low0 + low3) | 0
        high0 = (high0 + high3 + (low0 >>> 0 < low3 >>> 0 ? 1 : 0)) | 0
        carried = (low3 << 21) | (high3 >>> 11)
        high3 = ((high3 << 21) | (low3 >>> 11)) ^ high0
        low3 = carried ^ low0
        low2 = (low2 + low1) | 0
        high2 = (high2 + high1 + (low2 >>> 0 < low1 >>> 0 ? 1 : 0)) | 0
        carried = (low1 << 17) | (high1 >>> 15)
        high1 = ((high1 << 17) | (low1 >>> 15)) ^ high2
        low1 = carried ^ low2
        carried = low2
        low2 = high2
        high2 = carried
      }
      low0 ^= low
      high0 ^= high
    }
    this.high = high0 ^ high1 ^ high2 ^ high3
    this.low = low0 ^ low1 ^ low2 ^ low3
  }
}

/** Four octets as an Int32, the lowest first. */
function wordAt(octets: Uint8Array, at: number): number {
  return octets[at]! | (octets[at + 1]! << 8) | (octets[at + 2]! << 16) | (octets[at + 3]! << 24)
}
