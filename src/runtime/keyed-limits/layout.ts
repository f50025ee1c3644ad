/** Where everything lies in the memory of KeyedLimits. This file is the only one that knows the offsets. */
import { randomFillSync } from 'node:crypto'
import { CONCURRENCY_BUCKETS, KEYS_IN_BUCKET, MAX_WORKERS, RATE_BUCKETS } from '../bounds.ts'
import { SIP_KEY_SIZE } from '../sip-hash.ts'

const RATES = RATE_BUCKETS * KEYS_IN_BUCKET
const CONCURRENT = CONCURRENCY_BUCKETS * KEYS_IN_BUCKET

// In bytes. Times come first, since they must be aligned.
const ARRIVALS_AT = 0
const RATE_IDS_AT = ARRIVALS_AT + RATES * BigInt64Array.BYTES_PER_ELEMENT
const RATE_LOCKS_AT = RATE_IDS_AT + RATES * 2 * Int32Array.BYTES_PER_ELEMENT
const CONCURRENT_IDS_AT = RATE_LOCKS_AT + RATE_BUCKETS * Int32Array.BYTES_PER_ELEMENT
const CONCURRENT_LOCKS_AT = CONCURRENT_IDS_AT + CONCURRENT * 2 * Int32Array.BYTES_PER_ELEMENT
const IN_FLIGHT_AT = CONCURRENT_LOCKS_AT + CONCURRENCY_BUCKETS * Int32Array.BYTES_PER_ELEMENT
const OVERFLOWS_AT = IN_FLIGHT_AT + CONCURRENT * MAX_WORKERS * Uint16Array.BYTES_PER_ELEMENT
const DRY_RUNS_AT = OVERFLOWS_AT + 2 * Int32Array.BYTES_PER_ELEMENT
const KEY_AT = DRY_RUNS_AT + Int32Array.BYTES_PER_ELEMENT
/** 34.1 MB for rates, and 17.9 MB for concurrency. */
const SIZE = KEY_AT + SIP_KEY_SIZE

/** What a table of keys needs: an id of two cells for each key, bucket by bucket, and a lock for each bucket. */
export interface KeyRegions {
  readonly ids: Int32Array
  readonly locks: Int32Array
}

export interface Regions {
  readonly rates: KeyRegions & {
    /** For each key: its theoretical arrival time, in ns. */
    readonly arrivals: BigInt64Array
    /** One cell: how often a key that was not over lost its place. */
    readonly overflows: Int32Array
  }
  readonly concurrency: KeyRegions & {
    /** For each key: a cell for each worker, with its requests in flight. */
    readonly inFlight: Uint16Array
    /** One cell: how many requests were not counted for want of a place. */
    readonly overflows: Int32Array
  }
  /** One cell: how many requests limits would have refused, had they not been dry runs. */
  readonly dryRuns: Int32Array
  /** The key that keys are hashed under. */
  readonly key: Uint8Array
}

export function regionsOf(memory: SharedArrayBuffer): Regions {
  return {
    rates: {
      ids: new Int32Array(memory, RATE_IDS_AT, RATES * 2),
      locks: new Int32Array(memory, RATE_LOCKS_AT, RATE_BUCKETS),
      arrivals: new BigInt64Array(memory, ARRIVALS_AT, RATES),
      overflows: new Int32Array(memory, OVERFLOWS_AT, 1),
    },
    concurrency: {
      ids: new Int32Array(memory, CONCURRENT_IDS_AT, CONCURRENT * 2),
      locks: new Int32Array(memory, CONCURRENT_LOCKS_AT, CONCURRENCY_BUCKETS),
      inFlight: new Uint16Array(memory, IN_FLIGHT_AT, CONCURRENT * MAX_WORKERS),
      overflows: new Int32Array(memory, OVERFLOWS_AT + Int32Array.BYTES_PER_ELEMENT, 1),
    },
    dryRuns: new Int32Array(memory, DRY_RUNS_AT, 1),
    key: new Uint8Array(memory, KEY_AT, SIP_KEY_SIZE),
  }
}

/** The key is random in each process, so that clients cannot choose keys that share a bucket. */
export function newMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(SIZE)
  randomFillSync(regionsOf(memory).key)
  return memory
}
