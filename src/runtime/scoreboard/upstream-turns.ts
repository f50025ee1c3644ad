import { MAX_UPSTREAMS } from '../bounds.ts'
import { type Regions, UPSTREAM_STRIDE } from './layout.ts'
import { untilNotified, type WaitingLines } from './waiting-lines.ts'

/** The cells of an upstream's record. */
const Field = { Turn: 0, Epoch: 1 } as const

/** Each upstream's turn in its rotation, and the epoch of the set of its eligible servers, by its slot. */
export class UpstreamTurns {
  readonly #records: Int32Array
  readonly #queues: WaitingLines

  constructor({ upstreams }: Regions, queues: WaitingLines) {
    this.#records = upstreams
    this.#queues = queues
  }

  /** Takes the next number of an upstream's rotation (modulo 2^32): no two threads get the same. */
  nextTurn(upstream: number): number {
    return Atomics.add(this.#records, upstream * UPSTREAM_STRIDE + Field.Turn, 1) >>> 0
  }

  /** Changes whenever a server of the upstream becomes eligible or ceases to be. */
  epoch(upstream: number): number {
    return Atomics.load(this.#records, upstream * UPSTREAM_STRIDE + Field.Epoch)
  }

  bumpEpoch(upstream: number): void {
    Atomics.add(this.#records, upstream * UPSTREAM_STRIDE + Field.Epoch, 1)
    this.#wake(upstream)
  }

  /** Forgets what was counted of an upstream, and that threads listen for its next epoch: they are notified. */
  zero(upstream: number): void {
    this.#records.fill(0, upstream * UPSTREAM_STRIDE, (upstream + 1) * UPSTREAM_STRIDE)
    Atomics.notify(this.#records, upstream * UPSTREAM_STRIDE + Field.Epoch)
  }

  /** Resolves at the next `bumpEpoch` or `wakeAll` that finds requests waiting for the upstream. */
  untilEpoch(upstream: number): Promise<unknown> {
    return untilNotified(this.#records, upstream * UPSTREAM_STRIDE + Field.Epoch)
  }

  /** Notifies all threads that have requests waiting, for whichever upstream, that anything may have changed. */
  wakeAll(): void {
    for (let upstream = 0; upstream < MAX_UPSTREAMS; upstream++) this.#wake(upstream)
  }

  #wake(upstream: number): void {
    if (this.#queues.waiting(upstream) === 0) return
    Atomics.notify(this.#records, upstream * UPSTREAM_STRIDE + Field.Epoch)
  }
}
