import type { AdminEvent, EventFeed, Happened } from '../admin/event-feed.ts'
import { shownChanges } from './shown-changes.ts'

/** How many events are kept for clients that come back. */
const SIZE = 1000
/** The maximum of characters that an event keeps of a message. */
const MAX_MESSAGE = 2000

/** Keeps the last events, numbered without a gap, and passes on each as it happens. */
export class EventRing implements EventFeed {
  readonly #size: number
  readonly #now: () => number
  /** Oldest first; up to twice as many as are to be kept. */
  readonly #kept: Happened[] = []
  readonly #watchers = new Set<(happened: Happened) => void>()
  #newest: number

  /**
   * @param newest the id before the first one. The time of the start, in ms since 1970, is greater than any id of an earlier
   *   run; at an upgrade, the new process goes on with the number of the old one.
   */
  constructor(newest: number = Date.now(), size = SIZE, now: () => number = Date.now) {
    this.#newest = newest
    this.#size = size
    this.#now = now
  }

  get newest(): number {
    return this.#newest
  }

  add(event: AdminEvent): void {
    const happened = { id: ++this.#newest, at: this.#now(), event: shortened(event) }
    this.#kept.push(happened)
    // Removing one at a time would move all the others each time.
    if (this.#kept.length >= 2 * this.#size) this.#kept.splice(0, this.#kept.length - this.#size)
    for (const notify of this.#watchers) notify(happened)
  }

  get kept(): readonly Happened[] {
    return this.#kept.slice(-this.#size)
  }

  after(id: number): readonly Happened[] | undefined {
    const missed = this.#newest - id
    if (missed < 0 || missed > Math.min(this.#size, this.#kept.length)) return undefined
    return missed === 0 ? [] : this.#kept.slice(-missed)
  }

  watch(notify: (happened: Happened) => void): () => void {
    this.#watchers.add(notify)
    return () => this.#watchers.delete(notify)
  }
}

/** A configuration can have tens of thousands of changes, and of mistakes. */
function shortened(event: AdminEvent): AdminEvent {
  if ('changes' in event) return { ...event, changes: shownChanges(event.changes) }
  if ('message' in event && event.message.length > MAX_MESSAGE) {
    return { ...event, message: `${event.message.slice(0, MAX_MESSAGE)}…` }
  }
  return event
}
