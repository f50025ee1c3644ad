/** Has received more than it may handle at once. */
export interface BacklogUser {
  /**
   * Handles about so much of what waits. Whoever has more then enters again.
   *
   * @param cost in units of an empty frame, about 1 µs
   * @returns whether it was work for nothing
   */
  catchUp(cost: number): boolean
}

/** How long users are served in one turn of the event loop, in ms. */
const SLICE = 0.25
/** How much each of them does before the clock is read. */
const STEP = 64
/** How many steps there are in a turn: part of what that takes, such as sending, comes later in the turn, and no clock is read then. */
const MOST_STEPS = 32
/** While others need the thread, it rests from work for nothing so many times as long as the turn of that work took. */
const REST = 4
/** A turn that takes longer, in ms, has been held up by something else. */
const LONGEST_TURN = 100

/**
 * Connections of which more has arrived than they may handle at once. They share a small part of each turn of the event loop, one
 * after the other, so that a turn is not longer where there are many of them. While other connections have something to do, those
 * whose work is for nothing get no more than a fifth of the time, with all that it leads to: connecting to a server, say, takes longer than the
 * request did, later in the turn.
 */
export class Backlog {
  readonly #users = new Set<BacklogUser>()
  readonly #now: () => number
  #isAwaited = false
  /** Whether other connections have had something to do since these were served last. */
  #isShared = false
  /** Until when these rest, by the clock. */
  #restsUntil = 0
  /** When they were served last, and which part of that was for nothing. */
  #servedAt = 0
  #wastedPart = 0

  /** @param now a clock, in ms */
  constructor(now = () => performance.now()) {
    this.#now = now
  }

  /** It is served once, after those that wait already. */
  enter(user: BacklogUser): void {
    this.#users.add(user)
    if (this.#isAwaited) return
    this.#isAwaited = true
    const rest = this.#restsUntil === 0 ? 0 : this.#restsUntil - this.#now()
    if (rest > 0) setTimeout(this.#serve, rest)
    else setImmediate(this.#serve)
  }

  /** A connection that is not behind has something to do. */
  share(): void {
    this.#isShared = true
  }

  readonly #serve = (): void => {
    const startedAt = this.#now()
    let now = startedAt
    let wasted = 0
    let steps = 0
    for (const user of this.#users) {
      this.#users.delete(user)
      const isWaste = user.catchUp(STEP)
      const before = now
      now = this.#now()
      if (isWaste) wasted += now - before
      if (++steps === MOST_STEPS || now - startedAt >= SLICE) break
    }
    this.#restsUntil = 0
    const isToRest = this.#isShared && wasted > 0
    this.#isShared = false
    if (!isToRest) return this.#goOn()
    this.#servedAt = startedAt
    this.#wastedPart = wasted / (now - startedAt)
    setImmediate(this.#rest)
  }

  /** The turn is over in which there was work for nothing. */
  readonly #rest = (): void => {
    const now = this.#now()
    this.#restsUntil = now + REST * this.#wastedPart * Math.min(now - this.#servedAt, LONGEST_TURN)
    this.#goOn()
  }

  #goOn(): void {
    this.#isAwaited = false
    const [next] = this.#users
    if (next !== undefined) this.enter(next)
  }
}

/** That of this thread's event loop. */
export const backlog = new Backlog()
