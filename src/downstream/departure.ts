import { Timed } from '../runtime/deadlines.ts'

/** How long after a drain began all that was in flight then may take to be answered before new streams are refused, in ms. */
const LONGEST_WAIT = 5000
/** How often it is asked meanwhile whether the connection may end, in ms. */
const RETRY_AFTER = 150
/** How long a client may take to answer a PING, in ms. */
const ROUND_TRIP = 1000

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
 * those that it has begun before it can know of that are still served. They have come when it has answered a PING.
 */
export class Departure extends Timed {
  readonly #owner: DepartureOwner
  readonly #set: (timed: Timed, ms: number) => void
  /** How far it is: not asked for; asked for as soon as the connection may end; announced; all streams that are accepted have come. */
  #stage: 'none' | 'wanted' | 'announced' | 'settled' = 'none'
  #patience = LONGEST_WAIT

  /** @param set sets its deadline, in ms */
  constructor(owner: DepartureOwner, set: (timed: Timed, ms: number) => void) {
    super()
    this.#owner = owner
    this.#set = set
  }

  /** Whether no streams are accepted any more. */
  get isSettled(): boolean {
    return this.#stage === 'settled'
  }

  /** Ends the connection as soon as that loses nothing. */
  want(): void {
    if (this.#stage !== 'none') return
    this.#stage = 'wanted'
    this.#set(this, RETRY_AFTER)
  }

  begin(): void {
    if (this.#stage === 'announced' || this.#stage === 'settled') return
    this.#stage = 'announced'
    this.#owner.announceEnd()
    this.#set(this, ROUND_TRIP)
  }

  /** The client has answered a PING. */
  answered(): void {
    if (this.#stage !== 'announced') return
    this.#stage = 'settled'
    this.#set(this, 0)
    this.#owner.refuseStreams()
  }

  override expire(): void {
    if (this.#stage === 'announced') return this.answered()
    this.#patience -= RETRY_AFTER
    if (this.#owner.mayDepart || this.#patience <= 0) this.begin()
    else this.#set(this, RETRY_AFTER)
  }
}
