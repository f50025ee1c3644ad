import type { ServerState } from '../balancing/server-state.ts'
import { Timed } from '../runtime/deadlines.ts'

/** What a request waits for: a place on that server, or on any server (undefined). */
export type Wanted = ServerState | undefined

/** A request that waits in a Queue. */
export interface Waiter {
  /** How long it has waited before, in ms, without pauses: all its waits together have one limit. */
  waited: number
  /**
   * There may be a free place: takes it, or ends the request.
   *
   * @returns what it still waits for; or `done`
   */
  takeTurn(time: number): Wait | 'done'
  /** Its time in the queue is over, and it has been removed. */
  waitedTooLong(): void
}

/** The decision that a request must wait, and for what. */
export class Wait {
  readonly place: Wanted

  constructor(place: Wanted) {
    this.place = place
  }
}

/** The requests that wait for the same place, in the order of arrival. */
export class Line {
  readonly place: Wanted
  first: Ticket | undefined
  last: Ticket | undefined

  constructor(place: Wanted) {
    this.place = place
  }

  /** Inserts a ticket by its number: nearly always at the end. */
  add(ticket: Ticket): void {
    let before = this.last
    while (before !== undefined && before.number > ticket.number) before = before.before
    const after = before === undefined ? this.first : before.after
    ticket.line = this
    ticket.before = before
    ticket.after = after
    if (before === undefined) this.first = ticket
    else before.after = ticket
    if (after === undefined) this.last = ticket
    else after.before = ticket
  }

  remove({ before, after }: Ticket): void {
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
  }
}

/** One request's place in a Queue, and the deadline of its wait. */
export class Ticket extends Timed {
  /** Rises in the order of arrival. */
  readonly number: number
  readonly waiter: Waiter
  line: Line
  before: Ticket | undefined
  after: Ticket | undefined
  isValid = true
  /** Since when its time runs. */
  since = Infinity
  readonly #queue: { remove(ticket: Ticket): void }

  constructor(queue: { remove(ticket: Ticket): void }, number: number, waiter: Waiter, line: Line) {
    super()
    this.#queue = queue
    this.number = number
    this.waiter = waiter
    this.line = line
  }

  /** Leaves the queue, if it is still in it. */
  leave(): void {
    this.#queue.remove(this)
  }

  override expire(): void {
    this.leave()
    this.waiter.waitedTooLong()
  }
}
