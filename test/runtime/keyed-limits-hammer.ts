/** A thread that takes what one key allows, as fast as it can. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Pace } from '../../src/runtime/keyed-limits/rate-table.ts'
import { KeyedLimits } from '../../src/runtime/keyed-limits.ts'

export interface Hammering {
  readonly memory: SharedArrayBuffer
  readonly worker: number
  readonly rounds: number
  readonly keys: readonly (readonly [high: number, low: number])[]
  readonly pace: Pace
  readonly most: number
}

export interface Hammered {
  /** By key: how many requests were let through. */
  readonly admitted: readonly number[]
  /** The most requests of one key that were in flight at any time. */
  readonly mostInFlight: number
  readonly entered: number
}

const { memory, worker, rounds, keys, pace, most } = workerData as Hammering
const { rates, concurrency } = new KeyedLimits(memory, worker)
const admitted = keys.map(() => 0)
let mostInFlight = 0
let entered = 0
for (let round = 0; round < rounds; round++) {
  const which = (round + worker) % keys.length
  const [high, low] = keys[which]!
  // The clock moves on by less than an interval.
  if (rates.take(high, low, pace, 1 + round / rounds)) admitted[which]!++
  const entry = concurrency.enter(high, low, most)
  if (typeof entry !== 'number') continue
  entered++
  mostInFlight = Math.max(mostInFlight, concurrency.inFlight(entry))
  concurrency.leave(entry)
}
parentPort!.postMessage({ admitted, mostInFlight, entered } satisfies Hammered)
