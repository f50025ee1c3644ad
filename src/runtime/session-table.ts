import { randomBytes } from 'node:crypto'
import { wallSeconds } from './clock.ts'
import { newMemory, PARTS, regionsOf, STRIDE } from './session-table/layout.ts'
import { SavedSessions } from './session-table/saved-sessions.ts'
import { SessionBuckets } from './session-table/session-buckets.ts'
import { SessionEntries } from './session-table/session-entries.ts'
import { SessionNews } from './session-table/session-news.ts'
import { SIP_KEY_SIZE } from './sip-hash.ts'
import type { Upstream } from './snapshot.ts'

/** The number of a server's sessions, and their age. */
export interface SessionCount {
  /** Seen within the idle limit, or with an exchange in flight. */
  live: number
  /** Those with an exchange in flight: a WebSocket keeps its session active. */
  active: number
  /** When the oldest of the live ones began, in s since 1970; 0 if there is none. */
  oldest: number
}

/** What is counted of the ages of live sessions. */
export interface AgeTally {
  /** @param age for how long the session has gone on, in s */
  add(age: number): void
}

/** What is counted of the live sessions of one server. */
export interface SessionTally {
  /** @param seenAt in s since 1970 */
  add(seenAt: number, isActive: boolean): void
}

/**
 * Which server each session is on, and when it was last seen, in memory that all threads share
 * (session-table/layout.ts). Sessions are known by ids of 64 bits (two Int32). The id 0, 0 stands for no session, and is
 * not kept.
 *
 * A set-associative hash table: an id belongs to one bucket (session-buckets.ts). A full bucket gives up a session that is
 * over, else one that never came back since it began, else the one unseen for longest; never one with an exchange in
 * flight. To see a known session again takes no lock; to put in another one takes its bucket's.
 */
export class SessionTable {
  /** Give this to another thread, and make a SessionTable of it there. Pages that were never touched take no memory. */
  readonly memory: SharedArrayBuffer
  /** The key that ids are hashed under. Ids derived from what clients send are made under it too (affinity/keyed.ts). */
  readonly key: Uint8Array
  /** What the store reads and takes in. */
  readonly saved: SavedSessions
  readonly #entries: SessionEntries
  readonly #buckets: SessionBuckets
  readonly #news: SessionNews

  /** @param memory another thread's; left out: a new one, with a key of its own */
  constructor(memory: SharedArrayBuffer = newMemory(randomBytes(SIP_KEY_SIZE))) {
    const regions = regionsOf(memory)
    this.memory = memory
    this.key = regions.key
    this.#entries = new SessionEntries(regions)
    this.#buckets = new SessionBuckets(regions, this.#entries)
    this.#news = new SessionNews(regions)
    this.saved = new SavedSessions(this.#entries, this.#buckets, this.#news)
  }

  /** An empty table with that key, so that ids made under it mean the same in every run that has it. */
  static withKey(key: Uint8Array): SessionTable {
    return new SessionTable(newMemory(key))
  }

  /** Takes the idle limits from a Snapshot's upstreams. */
  apply(upstreams: readonly Upstream[]): void {
    this.#entries.apply(upstreams)
  }

  /** The slot of the server that a live session is on; -1 if there is none. */
  find(high: number, low: number, now: number): number {
    const at = this.#buckets.find(high, low)
    return at >= 0 && this.#entries.isLiveNow(at, now) ? this.#entries.server(at) : -1
  }

  /** Notes that a session is on that server, with no exchange in flight. */
  put(high: number, low: number, server: number, now: number): void {
    const visit = this.enter(high, low, server, now)
    if (visit >= 0) this.#entries.endExchange(visit)
  }

  /**
   * An exchange of a session begins on a server; `leave` ends it.
   *
   * @returns the visit, to be given to `leave`; -1 if there was no room, or is no session
   */
  enter(high: number, low: number, server: number, now: number): number {
    if (high === 0 && low === 0) return -1
    this.#news.noteChange()
    const at = this.#buckets.find(high, low)
    if (at >= 0) {
      // An entry with an exchange in flight is not given away.
      const isClaimed = this.#entries.beginExchange(at) < 0
      if (!isClaimed && this.#entries.holds(at, high, low)) {
        if (this.#entries.visit(at, server, now, 1)) this.#news.mark(at)
        return at
      }
      // Another session has taken its place meanwhile.
      this.#entries.endExchange(at)
    }
    return this.#insert(high, low, server, now)
  }

  /**
   * Moves a session from one server to another, where an exchange of it begins; `leave` ends that. The session stays if it is on
   * another server, has an exchange in flight, or was seen less than `unseenFor` s ago.
   *
   * @returns the visit, to be given to `leave`; -1 if the session stays
   */
  move(high: number, low: number, from: number, to: number, unseenFor: number, now: number): number {
    const at = this.#buckets.find(high, low)
    if (at < 0) return -1
    const entries = this.#entries
    const isAlone = entries.beginExchange(at) === 0 && entries.holds(at, high, low) && entries.isLive(at, now, 1)
    if (!isAlone || entries.server(at) !== from || now - entries.seenAt(at) < unseenFor) {
      entries.endExchange(at)
      return -1
    }
    this.#news.noteChange()
    if (entries.visit(at, to, now, 1)) this.#news.mark(at)
    return at
  }

  /** Whether `move` would move the session, if nothing else happens before. */
  mayMove(high: number, low: number, from: number, unseenFor: number, now: number): boolean {
    const at = this.#buckets.find(high, low)
    const entries = this.#entries
    if (at < 0 || entries.isActive(at) || !entries.isLive(at, now)) return false
    return entries.server(at) === from && now - entries.seenAt(at) >= unseenFor
  }

  /** Whether a session has an exchange in flight. */
  isActive(high: number, low: number): boolean {
    const at = this.#buckets.find(high, low)
    return at >= 0 && this.#entries.isActive(at)
  }

  #insert(high: number, low: number, server: number, now: number): number {
    const bucket = this.#buckets.of(high, low)
    this.#buckets.lock(bucket)
    // Another thread may have been faster.
    const known = this.#buckets.findIn(bucket, high, low)
    const at = known >= 0 ? known : this.#buckets.vacate(bucket, now)
    if (known >= 0) {
      this.#entries.beginExchange(at)
      this.#entries.visit(at, server, now, 1)
    } else if (at >= 0) {
      this.#entries.begin(at, server, now)
      this.#entries.give(at, high, low, 1)
    }
    if (at >= 0) this.#news.mark(at)
    this.#buckets.unlock(bucket)
    return at
  }

  /** An exchange of a session is over. `visit` is what `enter` returned for the same session. */
  leave(visit: number, high: number, low: number, now: number): void {
    if (visit < 0) return
    this.#news.noteChange()
    if (this.#entries.holds(visit, high, low)) {
      if (this.#entries.leave(visit, now)) this.#news.mark(visit)
    }
    // The entry may be another session's, if a worker died meanwhile.
    else if (!this.#entries.isFree(visit)) return
    this.#entries.endExchange(visit)
  }

  /** A session is over. It is remembered as removed until its entry is needed for another, or it would be over anyway. */
  remove(high: number, low: number, now = wallSeconds()): void {
    const at = this.#buckets.find(high, low)
    if (at < 0) return
    this.#news.noteChange()
    const bucket = this.#buckets.of(high, low)
    this.#buckets.lock(bucket)
    if (this.#entries.holds(at, high, low) && !this.#entries.isRemoved(at)) {
      this.#entries.remove(at, now)
      this.#news.mark(at)
    }
    this.#buckets.unlock(bucket)
  }

  /**
   * A session is over that the table need not know. It is remembered as removed, unless that would push out a live one.
   *
   * @param server the slot whose idle limit says for how long
   */
  refuse(high: number, low: number, server: number, now: number): void {
    if (this.#buckets.find(high, low) < 0 && this.hasRoom(high, low, now)) this.put(high, low, server, now)
    this.remove(high, low, now)
  }

  /** Whether a session was removed, and has not begun again since. False once its entry was needed for another. */
  isEnded(high: number, low: number): boolean {
    const at = this.#buckets.find(high, low)
    return at >= 0 && this.#entries.isEnded(at)
  }

  /** Whether a session of that id can be put in without pushing out one that is live. */
  hasRoom(high: number, low: number, now: number): boolean {
    const at = this.#buckets.leastWorth(this.#buckets.of(high, low), now)
    return at >= 0 && (this.#entries.isFree(at) || !this.#entries.isLive(at, now))
  }

  /**
   * The sessions of each of those server slots. Looks at every entry: some 20 ms for a million sessions.
   *
   * @param ages by server slot, what is told the ages of its sessions
   */
  count(servers: Iterable<number>, now: number, ages?: ReadonlyMap<number, AgeTally>): Map<number, SessionCount> {
    const counts = new Map<number, SessionCount>()
    for (const server of servers) counts.set(server, { live: 0, active: 0, oldest: 0 })
    for (let part = 0; part < PARTS; part++) this.#countIn(part, counts, now, ages)
    return counts
  }

  #countIn(
    part: number,
    counts: ReadonlyMap<number, SessionCount>,
    now: number,
    ages?: ReadonlyMap<number, AgeTally>,
  ): void {
    const [from, to] = this.#entries.range(part)
    for (let at = from; at < to; at += STRIDE) {
      if (this.#entries.isFree(at) || !this.#entries.isLiveNow(at, now)) continue
      const server = this.#entries.server(at)
      const count = counts.get(server)
      if (count === undefined) continue
      const begunAt = Math.min(this.#entries.begunAt(at), now)
      ages?.get(server)?.add(now - begunAt)
      count.live++
      if (this.#entries.isActive(at)) count.active++
      if (count.oldest === 0 || begunAt < count.oldest) count.oldest = begunAt
    }
  }

  /** Adds the live sessions of one part of the table to the tally of their server, by its slot: some 0.1 ms of work. */
  tally(part: number, tallies: ReadonlyMap<number, SessionTally>, now: number): void {
    const [from, to] = this.#entries.range(part)
    for (let at = from; at < to; at += STRIDE) {
      if (this.#entries.isFree(at)) continue
      const tally = tallies.get(this.#entries.server(at))
      if (tally === undefined || !this.#entries.isLiveNow(at, now)) continue
      tally.add(this.#entries.seenAt(at), this.#entries.isActive(at))
    }
  }

  /** A worker died, and its exchanges are not known: the table forgets those of all workers. */
  forgetExchanges(): void {
    for (let at = 0; at < this.#entries.end; at += STRIDE) {
      if (!this.#entries.isTaken(at)) continue
      // An entry that is being given away is under its bucket's lock, unless the dead worker held that.
      const bucket = this.#buckets.around(at)
      this.#buckets.lock(bucket)
      this.#entries.forgetExchanges(at)
      this.#buckets.unlock(bucket)
    }
  }

  /**
   * Removes the sessions of one part of the table that are on these server slots, whose servers are gone: some 0.1 ms of work.
   * One with an exchange in flight, on whatever server that may be by now, keeps its entry as a removed one.
   */
  sweep(part: number, servers: ReadonlySet<number>): void {
    const [from, to] = this.#entries.range(part)
    for (let at = from; at < to; at += STRIDE) {
      if (this.#entries.isFree(at) || !servers.has(this.#entries.server(at))) continue
      const bucket = this.#buckets.around(at)
      this.#buckets.lock(bucket)
      this.#entries.disown(at, servers)
      this.#buckets.unlock(bucket)
    }
  }
}
