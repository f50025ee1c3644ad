import { randomInt } from 'node:crypto'

/** How often a thread looks at a lock before it sleeps. */
const SPINS = 200
/** For how long it sleeps, in ms, before it takes a lock from a holder that must have died. */
const PATIENCE = 250

/** Locks that threads share, each a cell of their memory. One is held for well below a microsecond. */
export class BucketLocks {
  readonly #cells: Int32Array
  /** The value of a lock that is held through this object. */
  readonly #holder = randomInt(1, 0x7fff_ffff)

  constructor(cells: Int32Array) {
    this.#cells = cells
  }

  lock(bucket: number): void {
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.compareExchange(this.#cells, bucket, 0, this.#holder) === 0) return
    }
    for (;;) {
      const holder = Atomics.compareExchange(this.#cells, bucket, 0, this.#holder)
      if (holder === 0) return
      if (Atomics.wait(this.#cells, bucket, holder, PATIENCE) !== 'timed-out') continue
      if (Atomics.compareExchange(this.#cells, bucket, holder, this.#holder) === holder) return
    }
  }

  unlock(bucket: number): void {
    const before = Atomics.compareExchange(this.#cells, bucket, this.#holder, 0)
    if (before === this.#holder) Atomics.notify(this.#cells, bucket)
  }
}
