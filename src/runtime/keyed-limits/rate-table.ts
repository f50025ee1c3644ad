import { KEYS_IN_BUCKET } from '../bounds.ts'
import { KeyEntries } from './key-entries.ts'
import type { Regions } from './layout.ts'

const NS_IN_MS = 1e6

/** Stands for a time while an entry is given to another key: no request's. */
const IN_TRANSIT = -1n

/** How many requests may come, in ns: the time that each takes up, and by how much they may come too early. */
export interface Pace {
  readonly interval: number
  readonly tolerance: number
}

/**
 * The pace of so many requests in a time.
 *
 * @param period in ms
 * @param burst how many more than one may come at once
 */
export function paceOf(requests: number, period: number, burst: number): Pace {
  const interval = (period * NS_IN_MS) / requests
  return { interval, tolerance: interval * burst }
}

/**
 * The generic cell rate algorithm (ITU-T I.371, annex A) for many keys, exact over all threads. All that is known of a key is its
 * theoretical arrival time: when its next request would come if all came at the limit's pace. A request may come earlier by the
 * tolerance.
 *
 * A key whose theoretical arrival time is past is as one that never came: its entry is free. A bucket without a free entry gives
 * up the key that is closest to that: it may send as many requests as a new key. So a full table lets more through, never less.
 */
export class RateTable {
  readonly #entries: KeyEntries
  readonly #arrivals: BigInt64Array
  readonly #overflows: Int32Array
  /** Of the last `take`: how many more requests might follow at once. */
  remaining = 0
  /** Of the last `take`: in what time its key would be as one that never came, in ms. */
  reset = 0
  /** Of the last `take`: in what time a request would be let through, in ms; 0 if this one was. */
  wait = 0

  constructor({ rates }: Pick<Regions, 'rates'>) {
    this.#entries = new KeyEntries(rates)
    this.#arrivals = rates.arrivals
    this.#overflows = rates.overflows
  }

  /**
   * Whether one more request of a key may come now; then it is counted.
   *
   * @param now ms on the shared clock
   */
  take(high: number, low: number, pace: Pace, now: number): boolean {
    const time = Math.round(now * NS_IN_MS)
    for (;;) {
      const at = this.#entries.find(high, low)
      const before = at < 0 ? IN_TRANSIT : Atomics.load(this.#arrivals, at)
      // An entry that is given away is in transit before it has another id.
      if (before === IN_TRANSIT || !this.#entries.holds(at, high, low)) {
        this.#enter(high, low, time)
        continue
      }
      const next = this.#next(Number(before), pace, time)
      if (this.wait > 0) return false
      if (Atomics.compareExchange(this.#arrivals, at, before, BigInt(next)) === before) return true
    }
  }

  /** Whether one more request of a key might come now: as `take`, but nothing is counted. */
  look(high: number, low: number, pace: Pace, now: number): boolean {
    const at = this.#entries.find(high, low)
    const arrival = at < 0 ? IN_TRANSIT : Atomics.load(this.#arrivals, at)
    const isKnown = arrival !== IN_TRANSIT && this.#entries.holds(at, high, low)
    this.#next(isKnown ? Number(arrival) : 0, pace, Math.round(now * NS_IN_MS))
    return this.wait === 0
  }

  /** How often a key lost its place before it could be forgotten, since ever. */
  get overflows(): number {
    return Atomics.load(this.#overflows, 0)
  }

  /** Gives a key an entry, unless it has one. */
  #enter(high: number, low: number, time: number): void {
    const entries = this.#entries
    entries.lock(high)
    // Another thread may have been faster.
    let at = entries.find(high, low)
    if (at < 0) {
      at = this.#vacate(high, time)
      entries.give(at, high, low)
    }
    // Or it died before it had set the time.
    Atomics.compareExchange(this.#arrivals, at, IN_TRANSIT, 0n)
    entries.unlock(high)
  }

  /** The theoretical arrival time after one more request of a key, all in ns. Sets `wait` and `remaining`. */
  #next(arrival: number, { interval, tolerance }: Pace, time: number): number {
    const early = Math.max(0, arrival - time)
    this.reset = (early + interval) / NS_IN_MS
    if (early > tolerance) {
      this.wait = (early - tolerance) / NS_IN_MS
      this.remaining = 0
      return arrival
    }
    this.wait = 0
    this.remaining = Math.floor((tolerance - early) / interval)
    return Math.round(time + early + interval)
  }

  /** Claims an entry of a locked bucket for another key. */
  #vacate(high: number, time: number): number {
    const from = this.#entries.bucket(high)
    const arrivals = this.#arrivals
    for (;;) {
      let least = from
      let earliest = Atomics.load(arrivals, from)
      for (let at = from + 1; at < from + KEYS_IN_BUCKET && earliest > time; at++) {
        const arrival = Atomics.load(arrivals, at)
        if (arrival >= earliest) continue
        earliest = arrival
        least = at
      }
      // Its key may have sent another request just now.
      if (Atomics.compareExchange(arrivals, least, earliest, IN_TRANSIT) !== earliest) continue
      if (earliest > time) Atomics.add(this.#overflows, 0, 1)
      return least
    }
  }
}
