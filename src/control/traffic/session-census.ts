import { wallSeconds } from '../../runtime/clock.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import type { Upstream } from '../../runtime/snapshot.ts'
import { surveySessions } from '../drains/session-survey.ts'

/** At most this part of the thread's time is spent on counting: a table that is full takes some 30 ms. */
const SHARE_OF_TIME = 1 / 100
/** The longest pause between two counts, in ms: where the thread has much else to do, a count takes longer than its work. */
const LONGEST_PAUSE = 3000

/** How many sessions are live, as of a moment ago: they are counted in slices, again and again. */
export class SessionCensus {
  readonly #sessions: SessionTable
  #live = 0
  #isCounting = false
  #notBefore = 0

  constructor(sessions: SessionTable) {
    this.#sessions = sessions
  }

  get live(): number {
    return this.#live
  }

  /** Begins to count, if it is time to. */
  refresh(upstreams: readonly Upstream[]): void {
    const slots = upstreams
      .filter(({ affinity }) => affinity !== undefined)
      .flatMap(({ servers }) => servers.map(({ slot }) => slot))
    if (slots.length === 0) this.#live = 0
    else if (!this.#isCounting && performance.now() >= this.#notBefore) void this.#count(slots)
  }

  async #count(slots: readonly number[]): Promise<void> {
    this.#isCounting = true
    const tally = { count: 0, add: () => void tally.count++ }
    const since = performance.now()
    await surveySessions(this.#sessions, new Map(slots.map((slot) => [slot, tally])), wallSeconds())
    this.#live = tally.count
    const pause = Math.min(LONGEST_PAUSE, (performance.now() - since) / SHARE_OF_TIME)
    this.#notBefore = performance.now() + pause
    this.#isCounting = false
  }
}
