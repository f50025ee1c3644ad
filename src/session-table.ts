import { randomInt } from 'node:crypto'
import { MOST_SERVERS } from './scoreboard.ts'
import type { Upstream } from './snapshot.ts'

/** What is kept of each session, in units of Int32. */
const Field = { High: 0, Low: 1, Server: 2, InHand: 3, SeenAt: 4, BegunAt: 5 } as const
const STRIDE = 6
/** Sessions share a bucket by the lower half of their id, and leave it only for others of the same bucket. */
const WAYS = 16
const BUCKETS = 163_840
/** Room for 2.6 million, so that of 1,000,000 hardly any bucket overflows: 63,569,924 bytes with the locks. */
const ENTRIES = BUCKETS * WAYS
/** The table can be read in so many parts, of so many entries each. */
export const PARTS = 256
export const PART = ENTRIES / PARTS
const LOCKS_AT = ENTRIES * STRIDE
/** 1 once anything has changed since `takeChange`. */
const CHANGED_AT = LOCKS_AT + BUCKETS
const SIZE = CHANGED_AT + 1

/** In `Field.Server`: the server's slot in the lower half, and whether the session has come back since it began. */
const SLOT = 0xffff
const RETURNED = 0x1_0000

/** In `Field.InHand` of an entry that is being given to another session; far below what exchanges could bring back. */
const CLAIMED = -0x4000_0000

/** How far ahead, in s, a time in the table may be: the threads read the clock one after the other. */
const AHEAD = 60

/** How often a thread looks at a lock before it sleeps. */
const SPINS = 200
/** For how long it sleeps, in ms, before it takes a lock from a holder that must have died. */
const PATIENCE = 250

/** What a server's sessions come to. */
export interface SessionCount {
  /** Seen within the idle limit, or with an exchange in hand. */
  live: number
  /** Those with an exchange in hand: a WebSocket keeps its session active. */
  active: number
  /** When the oldest of the live ones began, in s since 1970; 0 where there is none. */
  oldest: number
}

/** A session as it is saved. Times in s since 1970. */
export interface SavedSession {
  readonly high: number
  readonly low: number
  readonly server: number
  readonly seenAt: number
  readonly begunAt: number
}

/**
 * Which server each session is on, and when it was last seen, in memory that all threads share. Sessions are known by
 * ids of 64 bits that nobody can choose (two Int32). Where both are 0 there is no session, and none is kept.
 *
 * A set-associative hash table: an id belongs to one bucket, and a full bucket gives up an expired session, else one
 * that never came back since it began, else the one unseen for longest; never one with an exchange in hand. To see a
 * known session again takes no lock; to put in another one takes its bucket's.
 */
export class SessionTable {
  /** Hand this to another thread, and make a SessionTable of it there. Pages that nobody touched take no memory. */
  readonly memory: SharedArrayBuffer
  readonly #cells: Int32Array
  /** By server slot: after how many s without an exchange a session is over; 0 for never. */
  readonly #idle = new Uint32Array(MOST_SERVERS)
  /** What stands in a lock that is held through this object. */
  readonly #holder = randomInt(1, 0x7fff_ffff)

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SIZE * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#cells = new Int32Array(memory)
  }

  /** Takes the idle limits from a Snapshot's upstreams. */
  heed(upstreams: readonly Upstream[]): void {
    for (const { affinity, servers } of upstreams) {
      for (const { slot } of servers) this.#idle[slot] = Math.ceil((affinity?.idle ?? 0) / 1000)
    }
  }

  /** The slot of the server that a live session is on; -1 where there is none. */
  find(high: number, low: number, now: number): number {
    const at = this.#at(high, low)
    return at >= 0 && this.#isLiveNow(at, now) ? this.#cells[at + Field.Server]! & SLOT : -1
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
      if (before >= 0 && this.#holds(at, high, low)) {
        if (!this.#isLive(at, now, 1)) Atomics.store(this.#cells, at + Field.BegunAt, now | 0)
        this.#note(at + Field.Server, server | RETURNED)
        this.#note(at + Field.SeenAt, now | 0)
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
    if (this.#holds(visit, high, low)) this.#note(visit + Field.SeenAt, now | 0)
    // The entry may be another session's, if a worker died meanwhile.
    else if (!this.#isFree(visit)) return
    this.#letGo(visit)
  }

  /** A session is over; its entry stays taken for as long as it has an exchange in hand. */
  remove(high: number, low: number): void {
    const at = this.#at(high, low)
    if (at < 0) return
    this.#noteChange()
    this.#lock(this.#bucketOf(low))
    if (this.#holds(at, high, low)) this.#clear(at)
    this.#unlock(this.#bucketOf(low))
  }

  /** Whether a session with that half of an id can be put in without pushing out one that is live. */
  hasRoom(low: number, now: number): boolean {
    const at = this.#leastWorth(this.#bucketOf(low), now)
    return at >= 0 && (this.#isFree(at) || !this.#isLive(at, now))
  }

  /** Of each server slot asked for, its sessions. Looks at every entry: some 20 ms for a million sessions. */
  count(servers: Iterable<number>, now: number): Map<number, SessionCount> {
    const counts = new Map<number, SessionCount>()
    for (const server of servers) counts.set(server, { live: 0, active: 0, oldest: 0 })
    for (let at = 0; at < LOCKS_AT; at += STRIDE) {
      if (this.#isFree(at) || !this.#isLiveNow(at, now)) continue
      const count = counts.get(this.#cells[at + Field.Server]! & SLOT)
      if (count === undefined) continue
      const begunAt = Math.min(this.#cells[at + Field.BegunAt]! >>> 0, now)
      count.live++
      if (this.#cells[at + Field.InHand]! > 0) count.active++
      if (count.oldest === 0 || begunAt < count.oldest) count.oldest = begunAt
    }
    return counts
  }

  /** The live sessions of one part of the table, to be saved. */
  *sessions(part: number, now: number): Iterable<SavedSession> {
    const cells = this.#cells
    for (const at of this.#liveEntries(now, part * PART, (part + 1) * PART)) {
      yield {
        high: cells[at + Field.High]!,
        low: cells[at + Field.Low]!,
        server: cells[at + Field.Server]! & SLOT,
        seenAt: cells[at + Field.SeenAt]! >>> 0,
        begunAt: cells[at + Field.BegunAt]! >>> 0,
      }
    }
  }

  /** Takes in a session that was saved, unless it is over by now. Returns whether it goes on. */
  restore({ high, low, server, seenAt, begunAt }: SavedSession, now: number): boolean {
    if (this.#isOver(server, seenAt, now)) return false
    const at = this.#insert(high, low, server, Math.min(seenAt, now))
    if (at < 0) return false
    this.#cells[at + Field.BegunAt] = Math.min(begunAt, now) | 0
    this.#cells[at + Field.Server]! |= RETURNED
    this.#letGo(at)
    return true
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
      const bucket = Math.floor(at / (WAYS * STRIDE))
      this.#lock(bucket)
      Atomics.store(this.#cells, at + Field.InHand, 0)
      this.#unlock(bucket)
    }
  }

  *#liveEntries(now: number, from: number, to: number): Iterable<number> {
    for (let at = from * STRIDE; at < to * STRIDE; at += STRIDE) {
      if (!this.#isFree(at) && this.#isLiveNow(at, now)) yield at
    }
  }

  /** Where the session stands; -1 if it does not. */
  #at(high: number, low: number): number {
    if (high === 0 && low === 0) return -1
    const from = this.#bucketOf(low) * WAYS * STRIDE
    for (let at = from; at < from + WAYS * STRIDE; at += STRIDE) {
      if (this.#holds(at, high, low)) return at
    }
    return -1
  }

  #insert(high: number, low: number, server: number, now: number): number {
    const bucket = this.#bucketOf(low)
    this.#lock(bucket)
    // Another thread may have been faster.
    const known = this.#at(high, low)
    const at = known >= 0 ? known : this.#vacate(bucket, now)
    if (at >= 0) {
      const cells = this.#cells
      cells[at + Field.Server] = known < 0 ? server : server | RETURNED
      cells[at + Field.SeenAt] = now | 0
      if (known < 0) {
        cells[at + Field.BegunAt] = now | 0
        Atomics.store(cells, at + Field.High, high)
        Atomics.store(cells, at + Field.Low, low)
      }
      // No store: another thread may be about to take back what it added in vain.
      Atomics.add(cells, at + Field.InHand, known < 0 ? 1 - CLAIMED : 1)
    }
    this.#unlock(bucket)
    return at
  }

  /** Claims an entry in a bucket for another session; -1 where every session in it has an exchange in hand. */
  #vacate(bucket: number, now: number): number {
    for (let round = 0; round < WAYS; round++) {
      const at = this.#leastWorth(bucket, now)
      if (at < 0) return -1
      // Its session may have come back just now.
      if (Atomics.compareExchange(this.#cells, at + Field.InHand, 0, CLAIMED) !== 0) continue
      this.#clear(at)
      return at
    }
    return -1
  }

  /** The entry of a bucket that is missed least, of those without an exchange in hand; -1 where there is none. */
  #leastWorth(bucket: number, now: number): number {
    const cells = this.#cells
    const from = bucket * WAYS * STRIDE
    let found = -1
    let best = -1
    for (let at = from; at < from + WAYS * STRIDE; at += STRIDE) {
      if (cells[at + Field.InHand]! > 0) continue
      if (this.#isFree(at)) return at
      const unseen = Math.max(0, now - (cells[at + Field.SeenAt]! >>> 0))
      let worth = (cells[at + Field.Server]! & RETURNED) !== 0 ? unseen : unseen + 2 ** 32
      if (!this.#isLive(at, now)) worth = 2 ** 34
      if (worth <= best) continue
      best = worth
      found = at
    }
    return found
  }

  #clear(at: number): void {
    Atomics.store(this.#cells, at + Field.Low, 0)
    Atomics.store(this.#cells, at + Field.High, 0)
  }

  #holds(at: number, high: number, low: number): boolean {
    return this.#cells[at + Field.Low] === low && this.#cells[at + Field.High] === high
  }

  #isFree(at: number): boolean {
    return this.#cells[at + Field.Low] === 0 && this.#cells[at + Field.High] === 0
  }

  /** @param own how many of the exchanges in hand do not count */
  #isLive(at: number, now: number, own = 0): boolean {
    const cells = this.#cells
    if (cells[at + Field.InHand]! > own) return true
    return !this.#isOver(cells[at + Field.Server]! & SLOT, cells[at + Field.SeenAt]! >>> 0, now)
  }

  /** The same. A time that was noted while the clock ran ahead counts as now: else the session would live for as long as that. */
  #isLiveNow(at: number, now: number): boolean {
    const cell = at + Field.SeenAt
    if (this.#cells[cell]! >>> 0 > now + AHEAD) Atomics.store(this.#cells, cell, now | 0)
    return this.#isLive(at, now)
  }

  #isOver(server: number, seenAt: number, now: number): boolean {
    const idle = this.#idle[server]!
    return idle > 0 && now - seenAt > idle
  }

  /** Looks first: a cell that all threads only read costs them nothing. */
  #noteChange(): void {
    if (this.#cells[CHANGED_AT] === 0) Atomics.store(this.#cells, CHANGED_AT, 1)
  }

  #bucketOf(low: number): number {
    return (low >>> 0) % BUCKETS
  }

  /** Most requests of a session find there what they would write, and a look is cheaper. */
  #note(cell: number, value: number): void {
    if (this.#cells[cell] !== value) Atomics.store(this.#cells, cell, value)
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

  /** A bucket is held for well below a microsecond, unless its holder lost its core, or its life. */
  #lock(bucket: number): void {
    const cell = LOCKS_AT + bucket
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.compareExchange(this.#cells, cell, 0, this.#holder) === 0) return
    }
    for (;;) {
      const holder = Atomics.compareExchange(this.#cells, cell, 0, this.#holder)
      if (holder === 0) return
      if (Atomics.wait(this.#cells, cell, holder, PATIENCE) !== 'timed-out') continue
      if (Atomics.compareExchange(this.#cells, cell, holder, this.#holder) === holder) return
    }
  }

  #unlock(bucket: number): void {
    const cell = LOCKS_AT + bucket
    if (Atomics.compareExchange(this.#cells, cell, this.#holder, 0) === this.#holder) Atomics.notify(this.#cells, cell)
  }
}
