import { MAX_SERVERS } from '../bounds.ts'
import type { Upstream } from '../snapshot.ts'
import { PART, type Regions, STRIDE } from './layout.ts'

/** The cells of an entry. */
const Field = { High: 0, Low: 1, Server: 2, InFlight: 3, SeenAt: 4, BegunAt: 5 } as const

/** In `Field.InFlight` of an entry that is being given to another session; far below what exchanges could bring back. */
const CLAIMED = -0x4000_0000

/**
 * In `Field.Server`: the server's slot; whether the session has come back since it began; whether it was removed, and is
 * remembered only so that nothing older brings it back (both: its server was, and the session may go on elsewhere); and in the upper half, how many s before `Field.SeenAt` its last
 * exchange began, because a session is also seen when one ends.
 */
const SLOT = MAX_SERVERS - 1
const RETURNED = 0x4000
const REMOVED = 0x8000
const LOWER_HALF = 0xffff
const ASKED_SHIFT = 16
const LONGEST_ASKED = 0xffff

/** How far ahead, in s, a time in the table may be: the threads read the clock one after the other. */
const AHEAD = 60

/** A session that is seen again is news after this part of its idle limit, or after an hour if it has no limit. */
const NEWS_PER_IDLE = 32
const HOUR = 3600
/** For how long a removed session is remembered at most, in s. */
const DAY = 86_400

/** A session as it is saved. Times in s since 1970. */
export interface SavedSession {
  readonly high: number
  readonly low: number
  readonly server: number
  readonly seenAt: number
  readonly begunAt: number
  /** When its last exchange began, which decides where the session is; left out if that is `seenAt`. */
  readonly askedAt?: number
  /** It was removed at `seenAt`, and is saved so that nothing older brings it back. */
  readonly isRemoved?: true
}

/** The entries of a session table, each by itself: what its cells contain and mean. Times in s since 1970. */
export class SessionEntries {
  readonly #cells: Int32Array
  readonly #used: Int32Array
  /** By server slot: after how many s without an exchange a session is over; 0 for never. */
  readonly #idle = new Uint32Array(MAX_SERVERS)

  constructor({ entries, used }: Regions) {
    this.#cells = entries
    this.#used = used
  }

  /** The offset after the last entry. */
  get end(): number {
    return this.#cells.length
  }

  /** The offsets of the first entry of a part, and of the one after its last; both the same if it never had a session. */
  range(part: number): readonly [from: number, to: number] {
    const from = part * PART * STRIDE
    return [from, this.#used[part] === 0 ? from : from + PART * STRIDE]
  }

  /** Takes the idle limits from a Snapshot's upstreams. Where there is no affinity any more, sessions are over at once. */
  apply(upstreams: readonly Upstream[]): void {
    for (const { affinity, servers } of upstreams) {
      const idle = affinity === undefined ? 1 : Math.ceil(affinity.idle / 1000)
      for (const { slot } of servers) this.#idle[slot] = idle
    }
  }

  // ── exchanges in flight ────────────────────────────────────────────────────────────────────────────────────────

  /** Returns how many exchanges were in flight before; less than none if the entry is claimed for another session. */
  beginExchange(at: number): number {
    return Atomics.add(this.#cells, at + Field.InFlight, 1)
  }

  /** Never counts below zero, whatever was forgotten meanwhile. */
  endExchange(at: number): void {
    const cell = at + Field.InFlight
    for (let count = Atomics.load(this.#cells, cell); count !== 0; ) {
      const found = Atomics.compareExchange(this.#cells, cell, count, count - 1)
      if (found === count) return
      count = found
    }
  }

  forgetExchanges(at: number): void {
    Atomics.store(this.#cells, at + Field.InFlight, 0)
  }

  /** Whether the session has an exchange in flight. */
  isActive(at: number): boolean {
    return this.#cells[at + Field.InFlight]! > 0
  }

  /** Whether the entry has an exchange in flight or is claimed. */
  isTaken(at: number): boolean {
    return this.#cells[at + Field.InFlight] !== 0
  }

  /** Claims an entry for another session; returns whether it did, which it does not if the session is active. */
  claim(at: number): boolean {
    return Atomics.compareExchange(this.#cells, at + Field.InFlight, 0, CLAIMED) === 0
  }

  /** Gives a claimed and cleared entry to a session, with so many exchanges in flight; its other fields must be right already. */
  give(at: number, high: number, low: number, inFlight: 0 | 1): void {
    const part = Math.floor(at / (PART * STRIDE))
    if (this.#used[part] === 0) Atomics.store(this.#used, part, 1)
    Atomics.store(this.#cells, at + Field.High, high)
    Atomics.store(this.#cells, at + Field.Low, low)
    // Added, not stored: another thread may just have counted an exchange that it is about to take back.
    Atomics.add(this.#cells, at + Field.InFlight, inFlight - CLAIMED)
  }

  // ── the session ────────────────────────────────────────────────────────────────────────────────────────────────

  clear(at: number): void {
    Atomics.store(this.#cells, at + Field.Low, 0)
    Atomics.store(this.#cells, at + Field.High, 0)
  }

  holds(at: number, high: number, low: number): boolean {
    return this.#cells[at + Field.Low] === low && this.#cells[at + Field.High] === high
  }

  isFree(at: number): boolean {
    return this.#cells[at + Field.Low] === 0 && this.#cells[at + Field.High] === 0
  }

  /** The slot of the server that a session is on, or was. */
  server(at: number): number {
    return this.#cells[at + Field.Server]! & SLOT
  }

  hasReturned(at: number): boolean {
    return (this.#cells[at + Field.Server]! & RETURNED) !== 0
  }

  isRemoved(at: number): boolean {
    return (this.#cells[at + Field.Server]! & REMOVED) !== 0
  }

  /** Whether the session itself was removed, and not only its server. */
  isEnded(at: number): boolean {
    return (this.#cells[at + Field.Server]! & (REMOVED | RETURNED)) === REMOVED
  }

  seenAt(at: number): number {
    return this.#cells[at + Field.SeenAt]! >>> 0
  }

  begunAt(at: number): number {
    return this.#cells[at + Field.BegunAt]! >>> 0
  }

  /** @param own how many of the exchanges in flight do not count */
  isLive(at: number, now: number, own = 0): boolean {
    if (this.isRemoved(at)) return false
    return this.#cells[at + Field.InFlight]! > own || !this.isOver(this.server(at), this.seenAt(at), now)
  }

  /** The same. A time that was noted while the clock ran ahead is set to now, or the session would live until that time. */
  isLiveNow(at: number, now: number): boolean {
    if (this.seenAt(at) > now + AHEAD) Atomics.store(this.#cells, at + Field.SeenAt, now | 0)
    return this.isLive(at, now)
  }

  /** Whether a session that was seen at that time, on that server, is over. */
  isOver(server: number, seenAt: number, now: number): boolean {
    const idle = this.#idle[server]!
    return idle > 0 && now - seenAt > idle
  }

  /** Whether the entry is to be saved: a live session, or a removed one that an older copy could bring back. */
  isRemembered(at: number, now: number): boolean {
    if (!this.isRemoved(at)) return this.isLiveNow(at, now)
    return now - this.seenAt(at) <= DAY && !this.isOver(this.server(at), this.seenAt(at), now)
  }

  /** Fills an entry for a session that begins on that server. */
  begin(at: number, server: number, now: number): void {
    this.#cells[at + Field.Server] = server
    this.#cells[at + Field.SeenAt] = now | 0
    this.#cells[at + Field.BegunAt] = now | 0
  }

  /** An exchange of the session begins on that server. Returns whether that is news, which is to be saved. */
  visit(at: number, server: number, now: number, own: number): boolean {
    const hasMoved = (this.#cells[at + Field.Server]! & (SLOT | REMOVED)) !== server
    if (!this.isLive(at, now, own)) Atomics.store(this.#cells, at + Field.BegunAt, now | 0)
    this.#note(at + Field.Server, server | RETURNED)
    return this.#see(at, now) || hasMoved
  }

  /** One of its exchanges ends. Returns whether that is news. */
  leave(at: number, now: number): boolean {
    const before = this.#cells[at + Field.Server]!
    const since = now - this.seenAt(at)
    if (since === 0 || this.isRemoved(at)) return false
    const asked = Math.max(0, Math.min((before >>> ASKED_SHIFT) + since, LONGEST_ASKED))
    // If another exchange begins at this moment, its time is the one that counts.
    Atomics.compareExchange(this.#cells, at + Field.Server, before, (before & LOWER_HALF) | (asked << ASKED_SHIFT))
    return this.#see(at, now)
  }

  remove(at: number, now: number): void {
    Atomics.store(this.#cells, at + Field.SeenAt, now | 0)
    Atomics.store(this.#cells, at + Field.Server, this.server(at) | REMOVED)
  }

  /**
   * Takes a session that is on one of these servers off it: the entry becomes free or, with an exchange in flight, a removed
   * one. To be called under the bucket's lock; another thread may move the session at the same moment, which then stays.
   */
  disown(at: number, servers: ReadonlySet<number>): void {
    if (this.claim(at)) {
      if (servers.has(this.server(at))) this.clear(at)
      Atomics.sub(this.#cells, at + Field.InFlight, CLAIMED)
      return
    }
    const before = this.#cells[at + Field.Server]!
    if (!servers.has(before & SLOT) || this.isRemoved(at)) return
    Atomics.compareExchange(this.#cells, at + Field.Server, before, before | REMOVED | RETURNED)
  }

  saved(at: number, now: number): SavedSession {
    const seenAt = this.seenAt(at)
    const isRemoved = this.isRemoved(at)
    // As long as an exchange goes on, such as a WebSocket, its session is not idle.
    const isActive = !isRemoved && this.#cells[at + Field.InFlight]! > 0
    const lastSeen = isActive ? Math.max(seenAt, now) : seenAt
    const askedAt = this.#askedAt(at)
    return {
      high: this.#cells[at + Field.High]!,
      low: this.#cells[at + Field.Low]!,
      server: this.server(at),
      seenAt: lastSeen,
      begunAt: Math.min(this.begunAt(at), now),
      ...(askedAt !== lastSeen && { askedAt }),
      ...(isRemoved && { isRemoved }),
    }
  }

  /** Fills an entry with what was saved. */
  write(at: number, { server, seenAt, askedAt = seenAt, begunAt, isRemoved }: SavedSession): void {
    const asked = Math.min(seenAt - askedAt, LONGEST_ASKED)
    Atomics.store(this.#cells, at + Field.Server, server | (isRemoved ? REMOVED : RETURNED) | (asked << ASKED_SHIFT))
    Atomics.store(this.#cells, at + Field.SeenAt, seenAt | 0)
    Atomics.store(this.#cells, at + Field.BegunAt, begunAt | 0)
  }

  /**
   * Brings an entry up to date with a saved state of the same session. The later last request decides; an exchange that ended
   * later only shows that the session went on where it was.
   *
   * @param winsTie whether the saved state wins if both are of the same second; a removal always does
   * @returns whether anything in it was new
   */
  update(at: number, saved: SavedSession, now: number, winsTie: boolean): boolean {
    const { server, seenAt, askedAt = seenAt, isRemoved = false } = saved
    const later = this.isRemembered(at, now) ? askedAt - this.#askedAt(at) : Infinity
    const isSame = !isRemoved && !this.isRemoved(at) && this.server(at) === server
    if (later > 0 || (later === 0 && !isSame && (winsTie || (isRemoved && !this.isRemoved(at))))) {
      this.write(at, isSame ? { ...saved, askedAt, seenAt: Math.max(seenAt, this.seenAt(at)) } : saved)
      return true
    }
    if (!isSame || seenAt <= this.seenAt(at)) return false
    this.leave(at, seenAt)
    return true
  }

  #askedAt(at: number): number {
    return this.seenAt(at) - (this.#cells[at + Field.Server]! >>> ASKED_SHIFT)
  }

  /** Returns whether it was unseen for so long that this is news. */
  #see(at: number, now: number): boolean {
    const before = this.seenAt(at)
    if (before === now) return false
    Atomics.store(this.#cells, at + Field.SeenAt, now | 0)
    const grain = Math.ceil((this.#idle[this.server(at)]! || NEWS_PER_IDLE * HOUR) / NEWS_PER_IDLE)
    return Math.floor(before / grain) !== Math.floor(now / grain)
  }

  /** Most requests of a session find the value there that they would write, and looking is cheaper. */
  #note(cell: number, value: number): void {
    if (this.#cells[cell] !== value) Atomics.store(this.#cells, cell, value)
  }
}
