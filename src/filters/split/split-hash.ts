import { POINTS } from '../../runtime/cohort.ts'
import { SipHash } from '../../runtime/sip-hash.ts'

const TWO_TO_32 = 0x1_0000_0000

/** The points of keys: the same in all workers and replicas, and after a restart. */
export class SplitHash {
  readonly #hash: SipHash

  /** @param hashKey another one for another upstream, so that one split says nothing of the next */
  constructor(hashKey: Uint8Array) {
    this.#hash = new SipHash(hashKey)
  }

  pointOf(key: Uint8Array): number {
    this.#hash.hash(key)
    return Math.floor(((this.#hash.high >>> 0) / TWO_TO_32) * POINTS)
  }
}
