import { randomBytes } from 'node:crypto'
import { MAX_SESSIONS, SESSION_BUCKETS, SESSIONS_IN_BUCKET } from './bounds.ts'
import { BucketLocks } from './bucket-locks.ts'
import { wallSeconds } from './clock.ts'
import { Field, type SavedSession, SessionEntries, STRIDE } from './session-entries.ts'
import { SIP_KEY_SIZE, SipHash } from './sip-hash.ts'
import type { Upstream } from './snapshot.ts'

export type { SavedSession } from './session-entries.ts'

const BUCKET_STRIDE = SESSIONS_IN_BUCKET * STRIDE
/** The table can be read in so many parts, of so many entries each. */
export const PARTS = 256
export const PART = MAX_SESSIONS / PARTS
const LOCKS_AT = MAX_SESSIONS * STRIDE
/** 1 once anything has changed since `takeChange`. */
const CHANGED_AT = LOCKS_AT + SESSION_BUCKETS
/** A bit for each entry: whether it has news that `takeNews` has not given yet. */
const NEWS_AT = CHANGED_AT + 1
const NEWS_IN_PART = PART / 32
/** What ids are hashed under. */
const KEY_AT = NEWS_AT + PARTS * NEWS_IN_PART
/** 63.9 MB. */
const SIZE = KEY_AT + SIP_KEY_SIZE / Int32Array.BYTES_PER_ELEMENT

/** In `Field.InHand` of an entry that is being given to another session; far below what exchanges could bring back. */
const CLAIMED = -0x4000_0000

/** What a server's sessions come to. */
export interface SessionCount {
  /** Seen within the idle limit, or with an exchange in hand. */
  live: number
  /** Those with an exchange in hand: a WebSocket keeps its session active. */
  active: number
  /** When the oldest of the live ones began, in s since 1970; 0 where there is none. */
  oldest: number
}

/**
 * Which server each session is on, and when it was last seen, in memory that all threads share. Sessions are known by
 * ids of 64 bits (two Int32). Where both are 0 there is no session, and none is kept.
 *
 * A set-associative hash table: an id belongs to one bucket, by a hash under a key that no client knows, so that nobody can
 * collect ids that fill another session's bucket. A full bucket gives up a session that is over, else one that never came
 * back since it began, else the one unseen for longest; never one with an exchange in hand. To see a known session again
 * takes no lock; to put in another one takes its bucket's.
 */
export class SessionTable {
  /** Hand this to another thread, and make a SessionTable of it there. Pages that nobody touched take no memory. */
  readonly memory: SharedArrayBuffer
  /** What the table hashes ids under. Ids that are made of what clients send are made under it too (affinity/keyed.ts). */
  readonly key: Uint8Array
  readonly #cells: Int32Array
  readonly #entries: SessionEntries
  readonly #locks: BucketLocks
  readonly #hash: SipHash
  /** The id whose bucket was asked for last; none at first. */
  #lastHigh = 0
  #lastLow = 0
  #lastBucket = 0

  /** @param memory another thread's; left out: a new one, with a key of its own */
  constructor(memory: SharedArrayBuffer = newMemory(randomBytes(SIP_KEY_SIZE))) {
    this.memory = memory
    this.key = keyIn(memory)
    this.#cells = new Int32Array(memory)
    this.#entries = new SessionEntries(this.#cells)
    this.#locks = new BucketLocks(this.#cells.subarray(LOCKS_AT, LOCKS_AT + SESSION_BUCKETS))
    this.#hash = new SipHash(this.key)
  }

  /** An empty table with that key, so that ids made under it mean the same in every run that has it. */
  static withKey(key: Uint8Array): SessionTable {
    return new SessionTable(newMemory(key))
  }

  /** Takes the idle limits from a Snapshot's upstreams. */
  heed(upstreams: readonly Upstream[]): void {
    this.#entries.heed(upstreams)
  }

  /** The slot of the server that a live session is on; -1 where there is none. */
  find(high: number, low: number, now: number): number {
    const at = this.#at(high, low)
    return at >= 0 && this.#entries.isLiveNow(at, now) ? this.#entries.server(at) : -1
  }

  /** Notes that a session is on that server, with no exchange in hand. */
  put(high: number, low: number, server: number, now: number): void {
    const visit = this.enter(high, low, server, now)
    if (visit >= 0) this.#letGo(visit)
  }

  /**
   * An exchange of a session begins on a server; `leave` ends it.
   *
   * @returns the visit, to be handed to `leave`; -1 where there was no room, or is no session
   */
  enter(high: number, low: number, server: number, now: number): number {
    if (high === 0 && low === 0) return -1
    this.#noteChange()
    const at = this.#at(high, low)
    if (at >= 0) {
      // Nobody gives an entry away that has an exchange in hand.
      const before = Atomics.add(this.#cells, at + Field.InHand, 1)
      if (before >= 0 && this.#entries.holds(at, high, low)) {
        if (this.#entries.visit(at, server, now, 1)) this.#markNews(at)
        return at
      }
      // Another session has taken its place meanwhile.
      this.#letGo(at)
    }
    return this.#insert(high, low, server, now)
  }

  /** An exchange of a session is over: what `enter` gave, for the same session. */
  leave(visit: number, high: number, low: number, now: number): void {
    if (visit < 0) return
    this.#noteChange()
    if (this.#entries.holds(visit, high, low)) {
      if (this.#entries.leave(visit, now)) this.#markNews(visit)
    }
    // The entry may be another session's, if a worker died meanwhile.
    else if (!this.#entries.isFree(visit)) return
    this.#letGo(visit)
  }

  /** A session is over. It is remembered as removed until its entry is wanted for another, or it would be over anyway. */
  remove(high: number, low: number, now = wallSeconds()): void {
    const at = this.#at(high, low)
    if (at < 0) return
    this.#noteChange()
    const bucket = this.#bucketOf(high, low)
    this.#locks.lock(bucket)
    if (this.#entries.holds(at, high, low) && !this.#entries.isRemoved(at)) {
      this.#entries.remove(at, now)
      this.#markNews(at)
    }
    this.#locks.unlock(bucket)
  }

  /** Whether a session of that id can be put in without pushing out one that is live. */
  hasRoom(high: number, low: number, now: number): boolean {
    const at = this.#leastWorth(this.#bucketOf(high, low), now)
    return at >= 0 && (this.#entries.isFree(at) || !this.#entries.isLive(at, now))
  }

  /** Of each server slot asked for, its sessions. Looks at every entry: some 20 ms for a million sessions. */
  count(servers: Iterable<number>, now: number): Map<number, SessionCount> {
    const counts = new Map<number, SessionCount>()
    for (const server of servers) counts.set(server, { live: 0, active: 0, oldest: 0 })
    for (let at = 0; at < LOCKS_AT; at += STRIDE) {
      if (this.#entries.isFree(at) || !this.#entries.isLiveNow(at, now)) continue
      const count = counts.get(this.#entries.server(at))
      if (count === undefined) continue
      const begunAt = Math.min(this.#entries.begunAt(at), now)
      count.live++
      if (this.#cells[at + Field.InHand]! > 0) count.active++
      if (count.oldest === 0 || begunAt < count.oldest) count.oldest = begunAt
    }
    return counts
  }

  /** The sessions of one part of the table that are to be saved: those that are live, and those that were removed lately. */
  *sessions(part: number, now: number): Iterable<SavedSession> {
    for (let at = part * PART * STRIDE; at < (part + 1) * PART * STRIDE; at += STRIDE) {
      if (!this.#entries.isFree(at) && this.#entries.isRemembered(at, now)) yield this.#entries.saved(at, now)
    }
  }

  /**
   * The sessions of one part of the table that have begun, moved or been removed since this was asked last, and those that
   * were seen again after a while.
   */
  *takeNews(part: number, now: number): Iterable<SavedSession> {
    for (let word = part * NEWS_IN_PART; word < (part + 1) * NEWS_IN_PART; word++) {
      if (this.#cells[NEWS_AT + word] === 0) continue
      for (let bits = Atomics.exchange(this.#cells, NEWS_AT + word, 0); bits !== 0; bits &= bits - 1) {
        const at = (word * 32 + 31 - Math.clz32(bits & -bits)) * STRIDE
        if (!this.#entries.isFree(at)) yield this.#entries.saved(at, now)
      }
    }
  }

  /** Nothing in the table is news. */
  forgetNews(): void {
    this.#cells.fill(0, NEWS_AT, KEY_AT)
  }

  /**
   * Takes in a session that was saved by an earlier run, unless it is over by now or something newer is known of it; of
   * the same second, what is restored last counts. Returns whether it goes on.
   */
  restore(saved: SavedSession, now: number): boolean {
    return this.#adopt(saved, now, true) >= 0 && saved.isRemoved !== true
  }

  /**
   * Takes in a session that another process has just saved, in the same way; of the same second, only a removal counts.
   * What is new is news here, too.
   */
  hear(saved: SavedSession, now: number): void {
    const at = this.#adopt(saved, now, false)
    if (at < 0) return
    this.#noteChange()
    this.#markNews(at)
  }

  /** Whether anything has changed since this was asked last. */
  takeChange(): boolean {
    return Atomics.exchange(this.#cells, CHANGED_AT, 0) !== 0
  }

  /** Whoever took the change could do nothing with it: it is there to be taken again. */
  giveBackChange(): void {
    this.#noteChange()
  }

  /** A worker died, and nobody knows which exchanges it had: none are in hand any more, as far as this table goes. */
  forgetExchanges(): void {
    for (let at = 0; at < LOCKS_AT; at += STRIDE) {
      if (this.#cells[at + Field.InHand] === 0) continue
      // What is being given away is under its bucket's lock, unless it was the dead one who did so.
      const bucket = Math.floor(at / BUCKET_STRIDE)
      this.#locks.lock(bucket)
      Atomics.store(this.#cells, at + Field.InHand, 0)
      this.#locks.unlock(bucket)
    }
  }

  /** Returns where the session stands; -1 where what was saved tells nothing new, or there is no room. */
  #adopt(saved: SavedSession, now: number, winsTie: boolean): number {
    const { high, low, server, askedAt = saved.seenAt } = saved
    // A clock may have run ahead once.
    const seenAt = Math.min(saved.seenAt, now)
    const timely = { ...saved, seenAt, askedAt: Math.min(askedAt, seenAt) }
    if ((high === 0 && low === 0) || this.#entries.isOver(server, seenAt, now)) return -1
    const bucket = this.#bucketOf(high, low)
    this.#locks.lock(bucket)
    const known = this.#find(bucket, high, low)
    let at = known >= 0 ? known : this.#vacate(bucket, now)
    if (known >= 0 && !this.#entries.update(known, timely, now, winsTie)) at = -1
    else if (known < 0 && at >= 0) {
      this.#entries.write(at, timely)
      this.#fill(at, high, low, 0)
    }
    this.#locks.unlock(bucket)
    return at
  }

  #insert(high: number, low: number, server: number, now: number): number {
    const bucket = this.#bucketOf(high, low)
    this.#locks.lock(bucket)
    // Another thread may have been faster.
    const known = this.#find(bucket, high, low)
    const at = known >= 0 ? known : this.#vacate(bucket, now)
    if (known >= 0) {
      Atomics.add(this.#cells, at + Field.InHand, 1)
      this.#entries.visit(at, server, now, 1)
    } else if (at >= 0) {
      this.#entries.begin(at, server, now)
      this.#fill(at, high, low, 1)
    }
    if (at >= 0) this.#markNews(at)
    this.#locks.unlock(bucket)
    return at
  }

  /** Gives an entry that was vacated to a session, with so many exchanges in hand. */
  #fill(at: number, high: number, low: number, inHand: 0 | 1): void {
    this.#entries.name(at, high, low)
    // No store: another thread may be about to take back what it added in vain.
    Atomics.add(this.#cells, at + Field.InHand, inHand - CLAIMED)
  }

  /** Claims an entry in a bucket for another session; -1 where every session in it has an exchange in hand. */
  #vacate(bucket: number, now: number): number {
    for (let round = 0; round < SESSIONS_IN_BUCKET; round++) {
      const at = this.#leastWorth(bucket, now)
      if (at < 0) return -1
      // Its session may have come back just now.
      if (Atomics.compareExchange(this.#cells, at + Field.InHand, 0, CLAIMED) !== 0) continue
      this.#entries.clear(at)
      return at
    }
    return -1
  }

  /** The entry of a bucket that is missed least, of those without an exchange in hand; -1 where there is none. */
  #leastWorth(bucket: number, now: number): number {
    const entries = this.#entries
    const from = bucket * BUCKET_STRIDE
    let found = -1
    let best = -1
    for (let at = from; at < from + BUCKET_STRIDE; at += STRIDE) {
      if (this.#cells[at + Field.InHand]! > 0) continue
      if (entries.isFree(at)) return at
      const unseen = Math.max(0, now - entries.seenAt(at))
      let worth = entries.hasReturned(at) ? unseen : unseen + 2 ** 32
      if (!entries.isLive(at, now)) worth = 2 ** 34
      if (worth <= best) continue
      best = worth
      found = at
    }
    return found
  }

  /** Where the session stands; -1 if it does not. */
  #at(high: number, low: number): number {
    return high === 0 && low === 0 ? -1 : this.#find(this.#bucketOf(high, low), high, low)
  }

  #find(bucket: number, high: number, low: number): number {
    const from = bucket * BUCKET_STRIDE
    for (let at = from; at < from + BUCKET_STRIDE; at += STRIDE) {
      if (this.#entries.holds(at, high, low)) return at
    }
    return -1
  }

  /** A request asks for the same id several times in a row, and to hash it is the most costly part of that. */
  #bucketOf(high: number, low: number): number {
    if (high === this.#lastHigh && low === this.#lastLow) return this.#lastBucket
    this.#hash.hashPair(high, low)
    this.#lastHigh = high
    this.#lastLow = low
    this.#lastBucket = (this.#hash.low >>> 0) % SESSION_BUCKETS
    return this.#lastBucket
  }

  /** Looks first: a cell that all threads only read costs them nothing. */
  #noteChange(): void {
    if (this.#cells[CHANGED_AT] === 0) Atomics.store(this.#cells, CHANGED_AT, 1)
  }

  /** To be called after the change: whoever takes the mark then finds what it stands for. */
  #markNews(at: number): void {
    const entry = at / STRIDE
    Atomics.or(this.#cells, NEWS_AT + (entry >>> 5), 1 << (entry & 31))
  }

  /** An exchange less in hand; never fewer than none, whatever was forgotten meanwhile. */
  #letGo(at: number): void {
    const cell = at + Field.InHand
    for (let count = Atomics.load(this.#cells, cell); count !== 0; ) {
      const found = Atomics.compareExchange(this.#cells, cell, count, count - 1)
      if (found === count) return
      count = found
    }
  }
}

function newMemory(key: Uint8Array): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(SIZE * Int32Array.BYTES_PER_ELEMENT)
  keyIn(memory).set(key)
  return memory
}

function keyIn(memory: SharedArrayBuffer): Uint8Array {
  return new Uint8Array(memory, KEY_AT * Int32Array.BYTES_PER_ELEMENT, SIP_KEY_SIZE)
}
