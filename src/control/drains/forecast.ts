import { type Decline, declineOf, type Span } from './decline.ts'
import type { LastSeen } from './last-seen.ts'

/** When a server will probably have no session any more. Times since 1970: in s from a Forecast, in ms in a drain's view. */
export interface PredictedEnd {
  readonly at: number
  /** In one case of ten it is earlier. */
  readonly earliest: number
  /** In one case of ten it is later. */
  readonly latest: number
}

/** There is no trend if fewer users have left, or a smaller share of those who were there. */
const MIN_LEFT = 3
const MIN_SHARE_LEFT = 0.05
/** Spans of which it is remembered how many users left in them. */
const MAX_SPANS = 1024
/** As a part of the idle limit: for how long it counts that users came again, since fewer do as more have left. */
const MEMORY = 0.3

/** The number of users still to leave at which the chance that nobody comes again is one in ten, and nine in ten. */
const ONE_IN_TEN = Math.log(10)
const NINE_IN_TEN = -Math.log(0.9)

/**
 * Predicts when a server that gets no new sessions will have none left.
 *
 * A session ends one idle limit after its user's last request, so that the times at which sessions were last seen show
 * who left already, an idle limit before the number of sessions does. Whether a silent user has left or will come again is
 * estimated from how many came again so far after a silence as long (Nelson-Aalen). From the users who left in each span
 * of time follows how the number of those still there declines (decline.ts), and when it falls below one.
 */
export class Forecast {
  #seen: LastSeen | undefined
  /** When it began to look, and how many sessions there were. */
  #begunAt = 0
  #atBegin = 0
  /** By length of silence in spans: users who came again, and s that silent users were watched. */
  #returns = new Float64Array(0)
  #watched = new Float64Array(0)
  /** By span: users who made their last request in it, of those whose sessions are over by now. */
  readonly #left = new Map<number, number>()
  /** Users who left, and among them those whose session ended there and then, by a logout. */
  #ended = 0
  #removed = 0
  #decline: Decline | undefined

  /** Takes in how things are now. To be called every second or so. */
  look(seen: LastSeen): void {
    const before = this.#seen
    this.#seen = seen
    if (before === undefined || before.idle !== seen.idle) return this.#begin(seen)
    const expired = this.#expire(before, seen)
    let gone = 0
    for (let span = seen.first + 1; span <= before.last; span++) gone += Math.max(0, before.in(span) - seen.in(span))
    const removed = Math.max(0, before.live - seen.live - expired)
    const returned = gone === 0 ? 0 : Math.max(0, 1 - removed / gone)
    const kept = Math.exp((before.now - seen.now) / (MEMORY * seen.idle))
    // That users come again within one span cannot be seen.
    const from = seen.last === before.last ? 1 : 0
    for (let silence = 0; silence < this.#watched.length; silence++) {
      const span = before.last - silence
      const isWatched = silence >= from && span > seen.first
      const cameAgain = isWatched ? Math.max(0, before.in(span) - seen.in(span)) * returned : 0
      const watched = isWatched ? before.in(span) * (seen.now - before.now) : 0
      this.#watched[silence] = this.#watched[silence]! * kept + watched
      this.#returns[silence] = this.#returns[silence]! * kept + cameAgain
    }
    this.#note(seen.last, removed)
    this.#removed += removed
    this.#ended += removed + expired
    if (seen.last !== before.last) this.#decline = this.#fit(seen)
  }

  /** Undefined if there is no trend. */
  get end(): PredictedEnd | undefined {
    const seen = this.#seen
    if (seen === undefined) return undefined
    const { now, idle, live } = seen
    if (live === 0) return { at: now, earliest: now, latest: now }
    if (now - this.#begunAt < seen.width) return undefined
    const bound = idle === 0 ? now : seen.youngest + idle
    const present = this.#present(seen)
    if (present < NINE_IN_TEN && idle > 0) return { at: bound, earliest: bound, latest: bound }
    const decline = this.#decline
    if (decline === undefined || live > this.#atBegin) return undefined
    const at = (users: number, error: number) =>
      present <= users ? bound : Math.max(bound, this.#endOf(seen, decline, present / users, error))
    return { at: at(1, 0), earliest: at(ONE_IN_TEN, -1), latest: at(NINE_IN_TEN, 1) }
  }

  #begin(seen: LastSeen): void {
    this.#begunAt = seen.now
    this.#atBegin = seen.live
    this.#returns = new Float64Array(seen.counts.length)
    this.#watched = new Float64Array(seen.counts.length)
    this.#left.clear()
    this.#ended = 0
    this.#removed = 0
    this.#decline = undefined
  }

  /** Notes the users whose sessions have ended by their idle limit; returns how many they are. */
  #expire(before: LastSeen, seen: LastSeen): number {
    let expired = 0
    for (let span = before.first; span <= seen.first; span++) {
      const ended = Math.max(0, before.in(span) - seen.in(span))
      this.#note(span, ended)
      expired += ended
    }
    return expired
  }

  #note(span: number, users: number): void {
    if (users === 0) return
    this.#left.set(span, (this.#left.get(span) ?? 0) + users)
    if (this.#left.size > MAX_SPANS) this.#left.delete(this.#left.keys().next().value!)
  }

  /** The users who will come again. */
  #present(seen: LastSeen): number {
    const returning = this.#returning(seen)
    return seen.counts.reduce((sum, users, index) => sum + users * returning[seen.counts.length - 1 - index]!, 0)
  }

  /** How users have left in the spans since the drain began. */
  #fit(seen: LastSeen): Decline | undefined {
    const returning = this.#returning(seen)
    const spans: Span[] = []
    let users = this.#present(seen)
    let leftInAll = 0
    const oldest = Math.max(seen.spanOf(this.#begunAt), seen.last - MAX_SPANS)
    for (let span = seen.last; span >= oldest; span--) {
      const silent = seen.in(span) * (1 - (returning[seen.last - span] ?? 0))
      const left = (this.#left.get(span) ?? 0) + silent
      const begin = span * seen.width
      const length = Math.min(seen.width, seen.now - begin)
      spans.push({ ago: seen.now - begin - length / 2, length, left, users: users + left / 2 })
      users += left
      leftInAll += left
    }
    return leftInAll < Math.max(MIN_LEFT, users * MIN_SHARE_LEFT) ? undefined : declineOf(spans)
  }

  /** By length of silence in spans: the chance that a user who has been silent for so long comes again. */
  #returning({ idle, width, counts }: LastSeen): Float64Array {
    const chances = new Float64Array(counts.length).fill(1)
    if (idle === 0) return chances
    let hazards = 0
    for (let silence = counts.length - 1; silence >= 0; silence--) {
      // The shortest silence is watched least, and is much like the next.
      const alike = silence === 0 ? 1 : silence
      const watched = this.#watched[silence]! + (silence === alike ? 0 : this.#watched[alike]!)
      const returns = this.#returns[silence]! + (silence === alike ? 0 : this.#returns[alike]!)
      const hazard = watched > 0 ? (returns / watched) * width : 0
      chances[silence] = 1 - Math.exp(-(hazards + hazard / 2))
      hazards += hazard
    }
    return chances
  }

  /** When the sessions of that many users are over: those who log out are gone at once, the others an idle limit later. */
  #endOf({ now, idle }: LastSeen, decline: Decline, users: number, error: number): number {
    const silently = this.#ended === 0 ? 1 : 1 - this.#removed / this.#ended
    const afterLogout = now + decline.until(users, error)
    return idle === 0 ? afterLogout : Math.max(afterLogout, now + decline.until(users * silently, error) + idle)
  }
}
