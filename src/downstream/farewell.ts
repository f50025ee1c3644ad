import { now } from '../runtime/clock.ts'

/** How long after a session has begun another process knows it for sure, in ms: many times of what it takes. */
const KNOWN_AFTER = 100
/** How long new sessions may delay the end of a connection, in ms. */
const LONGEST_DELAY = 5000

/** When a connection of a process that another has replaced says that it ends: not while the other may not know its session. */
export class Farewell {
  readonly #latest = now() + LONGEST_DELAY
  #earliest = 0

  /** @param isSessionNew whether the response begins a session */
  isDue(isSessionNew: boolean): boolean {
    const time = now()
    if (isSessionNew) this.#earliest = Math.min(time + KNOWN_AFTER, this.#latest)
    return time >= this.#earliest
  }
}
