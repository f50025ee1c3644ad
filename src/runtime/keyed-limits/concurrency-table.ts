import { KEYS_IN_BUCKET, MAX_WORKERS } from '../bounds.ts'
import { KeyEntries } from './key-entries.ts'
import type { Regions } from './layout.ts'

/**
 * Requests in flight of many keys, exact over all workers. Each worker counts in a cell of its own of each key, so that what a dead
 * worker held can be taken back. A key without requests in flight needs no entry. A bucket whose keys all have some takes no
 * other: its requests are let through uncounted.
 */
export class ConcurrencyTable {
  readonly #entries: KeyEntries
  readonly #size: number
  readonly #inFlight: Uint16Array
  readonly #overflows: Int32Array
  readonly #worker: number

  /** @param worker the slot of the worker that counts through this object */
  constructor({ concurrency }: Pick<Regions, 'concurrency'>, worker: number) {
    this.#worker = worker
    this.#entries = new KeyEntries(concurrency)
    this.#size = concurrency.ids.length / 2
    this.#inFlight = concurrency.inFlight
    this.#overflows = concurrency.overflows
  }

  /**
   * Begins a request of a key, if fewer than `limit` are in flight; `leave` ends it.
   *
   * @param limit at most `MAX_CONCURRENCY`
   * @returns the entry that it is counted in, for `leave`; `'full'` if there are as many already, `'uncounted'` if there is no place
   */
  enter(high: number, low: number, limit: number): number | 'full' | 'uncounted' {
    const entries = this.#entries
    entries.lock(high)
    const known = entries.find(high, low)
    const at = known >= 0 ? known : this.#vacate(high)
    let outcome: number | 'full' | 'uncounted' = 'uncounted'
    if (at >= 0) {
      if (known < 0) entries.give(at, high, low)
      outcome = this.inFlight(at) < limit ? at : 'full'
      if (outcome === at) Atomics.add(this.#inFlight, at * MAX_WORKERS + this.#worker, 1)
    }
    entries.unlock(high)
    if (outcome === 'uncounted') Atomics.add(this.#overflows, 0, 1)
    return outcome
  }

  /** A request that was counted in that entry is over. */
  leave(at: number): void {
    Atomics.sub(this.#inFlight, at * MAX_WORKERS + this.#worker, 1)
  }

  /** The requests that are counted in an entry, of all workers together. */
  inFlight(at: number): number {
    const from = at * MAX_WORKERS
    let sum = 0
    for (let cell = from; cell < from + MAX_WORKERS; cell++) sum += this.#inFlight[cell]!
    return sum
  }

  /** The requests in flight of a key, of all workers together. */
  inFlightOf(high: number, low: number): number {
    const at = this.#entries.find(high, low)
    return at < 0 ? 0 : this.inFlight(at)
  }

  /** How many requests were not counted for want of a place, since ever. */
  get overflows(): number {
    return Atomics.load(this.#overflows, 0)
  }

  /** The requests of a dead worker are over. */
  forget(worker: number): void {
    for (let at = 0; at < this.#size; at++) {
      if (this.#entries.isTaken(at)) Atomics.store(this.#inFlight, at * MAX_WORKERS + worker, 0)
    }
  }

  /** An entry of a locked bucket without requests in flight; -1 if there is none. */
  #vacate(high: number): number {
    const from = this.#entries.bucket(high)
    for (let at = from; at < from + KEYS_IN_BUCKET; at++) if (this.inFlight(at) === 0) return at
    return -1
  }
}
