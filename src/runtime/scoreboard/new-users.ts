import { NEW_USER_BUCKETS, NEW_USERS_IN_BUCKET } from '../bounds.ts'
import { BucketLocks } from '../bucket-locks.ts'
import { SipHash } from '../sip-hash.ts'
import { NEW_USER_STRIDE, type Regions } from './layout.ts'

/** The cells of an entry. An entry without an id is free. */
const Field = { High: 0, Low: 1, Server: 2, BegunAt: 3 } as const

const BUCKET_STRIDE = NEW_USERS_IN_BUCKET * NEW_USER_STRIDE

/** How much older a request's reading of the clock may be than an entry that another thread has made since, in ms. */
const CLOCK_SLACK = 60_000

/** Identifies a new user: a hash of 64 bits, as two Int32. */
export interface NewUserId {
  readonly high: number
  readonly low: number
}

/**
 * To which server the first request of each new user went, for a short time after it. Of an upstream, those with the same
 * address and the same User-Agent are one user. Entries are found by a keyed hash in buckets of fixed size; a full one gives up
 * its oldest entry.
 */
export class NewUsers {
  readonly #cells: Int32Array
  readonly #locks: BucketLocks
  readonly #hash: SipHash
  /** What identifies a user: upstream and length of the address, the address, and a hash of the User-Agent. */
  readonly #identity = new Uint8Array(28)
  readonly #words = new DataView(this.#identity.buffer)

  constructor({ newUsers, newUserLocks, addressKey }: Regions) {
    this.#cells = newUsers
    this.#locks = new BucketLocks(newUserLocks)
    this.#hash = new SipHash(addressKey)
  }

  /**
   * @param upstream its slot
   * @param address 4 or 16 octets
   */
  idOf(upstream: number, address: Uint8Array, userAgent: Uint8Array): NewUserId {
    this.#hash.hash(userAgent)
    this.#words.setInt32(0, upstream * 32 + address.length)
    this.#identity.fill(0, 4, 20)
    this.#identity.set(address, 4)
    this.#words.setInt32(20, this.#hash.high)
    this.#words.setInt32(24, this.#hash.low)
    this.#hash.hash(this.#identity)
    // The id 0 stands for none.
    return { high: this.#hash.high, low: this.#hash.low || 1 }
  }

  /** Between `lock` and `unlock`, which follows soon, no other thread finds a server for that user or notes one. */
  lock(user: NewUserId): void {
    this.#locks.lock(bucketOf(user))
  }

  unlock(user: NewUserId): void {
    this.#locks.unlock(bucketOf(user))
  }

  /**
   * The slot of the server that was noted for that user less than `window` ms ago; -1 if there is none. To be called under the
   * lock, like `note`.
   *
   * @param now ms on the shared clock
   */
  serverOf(user: NewUserId, window: number, now: number): number {
    const at = this.#find(user)
    return at >= 0 && this.#age(at, now) < window ? this.#cells[at + Field.Server]! : -1
  }

  /** The user's first request goes to that server, at time `now`. */
  note({ high, low }: NewUserId, server: number, now: number): void {
    const known = this.#find({ high, low })
    const at = known >= 0 ? known : this.#oldest(bucketOf({ high, low }), now)
    this.#cells[at + Field.High] = high
    this.#cells[at + Field.Low] = low
    this.#cells[at + Field.Server] = server
    this.#cells[at + Field.BegunAt] = now | 0
  }

  /** The user's entry; -1 if there is none. */
  #find({ high, low }: NewUserId): number {
    const from = bucketOf({ high, low }) * BUCKET_STRIDE
    for (let at = from; at < from + BUCKET_STRIDE; at += NEW_USER_STRIDE) {
      if (this.#cells[at + Field.Low] === low && this.#cells[at + Field.High] === high) return at
    }
    return -1
  }

  /** The entry of a bucket that is free, or else the oldest. */
  #oldest(bucket: number, now: number): number {
    const from = bucket * BUCKET_STRIDE
    let oldest = from
    for (let at = from; at < from + BUCKET_STRIDE; at += NEW_USER_STRIDE) {
      if (this.#cells[at + Field.Low] === 0) return at
      if (this.#age(at, now) > this.#age(oldest, now)) oldest = at
    }
    return oldest
  }

  /** In ms. Modulo 2^32, an entry of more than 24.8 days ago seems to lie in the future. */
  #age(at: number, now: number): number {
    const age = ((now | 0) - this.#cells[at + Field.BegunAt]!) | 0
    return age < -CLOCK_SLACK ? Infinity : age
  }
}

function bucketOf({ high }: NewUserId): number {
  return high & (NEW_USER_BUCKETS - 1)
}
