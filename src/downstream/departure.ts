import { type Deadlines, Timed } from '../runtime/deadlines.ts'

/** How long after a drain began all that was in flight then may take to be answered before new streams are refused, in ms. */
const LONGEST_WAIT = 5000
/** How often it is asked meanwhile whether the connection may end, in ms. */
const RETRY_AFTER = 150
/** How long a client may take to answer a PING, in ms. */
const ROUND_TRIP = 1000
/** How long after that a stream may come which the client had begun before, in ms: some send answers first. */
const LATE_STREAMS = 100

/**
 * How far it is: not wanted; wanted as soon as the connection may end; announced to the client, which has answered; all streams that
 * are accepted have come.
 */
type Stage = 'none' | 'wanted' | 'announced' | 'answered' | 'settled'

/** The connection that ends. */
export interface DepartureOwner {
  /** Whether a client that turns elsewhere now is known there. */
  readonly mayDepart: boolean
  /** Asks the client to begin no more streams here. */
  announceEnd(): void
  /** Accepts no more streams. */
  refuseStreams(): void
}

/**
 * How an HTTP/2 connection ends without a lost request (RFC 9113 §6.8): the client is asked to begin no more streams here, and
 * those that it has begun before it can know of that are still served. They have come soon after it has answered a PING.
 */
export class Departure extends Timed {
  readonly #owner: DepartureOwner
  readonly #deadlines: Deadlines
  #stage: Stage = 'none'
  #patience = LONGEST_WAIT

  constructor(owner: DepartureOwner, deadlines: Deadlines) {
    super()
    this.#owner = owner
    this.#deadlines = deadlines
  }

  /** Whether no streams are accepted any more. */
  get isSettled(): boolean {
    return this.#stage === 'settled'
  }

  /** Ends the connection as soon as that loses nothing. */
  want(): void {
    if (this.#stage !== 'none') return
    this.#stage = 'wanted'
    this.#deadlines.set(this, RETRY_AFTER)
  }

  begin(): void {
    if (this.#stage !== 'none' && this.#stage !== 'wanted') return
    this.#stage = 'announced'
    this.#owner.announceEnd()
    this.#deadlines.set(this, ROUND_TRIP)
  }

  /** The client has answered a PING. */
  answered(): void {
    if (this.#stage !== 'announced') return
    this.#stage = 'answered'
    this.#deadlines.set(this, LATE_STREAMS)
  }

  override expire(): void {
    if (this.#stage !== 'wanted') return this.#settle()
    this.#patience -= RETRY_AFTER
    if (this.#owner.mayDepart || this.#patience <= 0) this.begin()
    else this.#deadlines.set(this, RETRY_AFTER)
  }

  #settle(): void {
    this.#stage = 'settled'
    this.#owner.refuseStreams()
  }
}
