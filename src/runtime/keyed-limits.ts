import { ConcurrencyTable } from './keyed-limits/concurrency-table.ts'
import { newMemory, regionsOf } from './keyed-limits/layout.ts'
import { LimitKey } from './keyed-limits/limit-key.ts'
import { RateTable } from './keyed-limits/rate-table.ts'

/**
 * What rate limits and concurrency limits know of their keys, in memory that all threads share (keyed-limits/layout.ts). All
 * limits of a process share it: the name of a limit is part of each key, so that keys outlive any Snapshot.
 */
export class KeyedLimits {
  /** Give this to another thread, and make KeyedLimits of it there. Pages that were never touched take no memory. */
  readonly memory: SharedArrayBuffer
  readonly rates: RateTable
  readonly concurrency: ConcurrencyTable
  /** To make the id of a key with. */
  readonly key: LimitKey
  readonly #dryRuns: Int32Array

  /**
   * @param memory another thread's; left out: a new one
   * @param worker the slot of the worker that uses this object
   */
  constructor(memory: SharedArrayBuffer = newMemory(), worker = 0) {
    const regions = regionsOf(memory)
    this.memory = memory
    this.rates = new RateTable(regions)
    this.concurrency = new ConcurrencyTable(regions, worker)
    this.#dryRuns = regions.dryRuns
    this.key = new LimitKey(regions.key)
  }

  /** A limit would have refused a request. */
  countDryRun(): void {
    Atomics.add(this.#dryRuns, 0, 1)
  }

  /** How many requests limits would have refused, had they not been dry runs. */
  get dryRuns(): number {
    return Atomics.load(this.#dryRuns, 0)
  }

  /** The requests of a dead worker are over. */
  forget(worker: number): void {
    this.concurrency.forget(worker)
  }
}
