/** Where everything lies in a SessionTable's memory. This file is the only one that knows the offsets. */
import { MAX_SESSIONS, SESSION_BUCKETS, SESSIONS_IN_BUCKET } from '../bounds.ts'
import { SIP_KEY_SIZE } from '../sip-hash.ts'

/** The size of an entry, in cells of 32 bits. An entry is known by the offset of its first cell. */
export const STRIDE = 6
export const BUCKET_STRIDE = SESSIONS_IN_BUCKET * STRIDE
/** The table can be read in this many parts, of `PART` entries each. */
export const PARTS = 256
export const PART = MAX_SESSIONS / PARTS
export const NEWS_IN_PART = PART / 32

// In cells of 32 bits.
const LOCKS_AT = MAX_SESSIONS * STRIDE
const CHANGED_AT = LOCKS_AT + SESSION_BUCKETS
const NEWS_AT = CHANGED_AT + 1
const USED_AT = NEWS_AT + PARTS * NEWS_IN_PART
const KEY_AT = USED_AT + PARTS
/** 63.9 MB. */
const SIZE = KEY_AT + SIP_KEY_SIZE / Int32Array.BYTES_PER_ELEMENT

export interface Regions {
  /** `STRIDE` cells for each session, bucket by bucket. */
  readonly entries: Int32Array
  /** A lock for each bucket. */
  readonly locks: Int32Array
  /** One cell: 1 once anything has changed since it was last set to 0. */
  readonly changed: Int32Array
  /** A bit for each entry: whether it has changed in a way that is to be saved. */
  readonly news: Int32Array
  /** A cell for each part: 1 once it has had a session. */
  readonly used: Int32Array
  /** The key that ids are hashed under. */
  readonly key: Uint8Array
}

export function regionsOf(memory: SharedArrayBuffer): Regions {
  const cells = new Int32Array(memory)
  return {
    entries: cells.subarray(0, LOCKS_AT),
    locks: cells.subarray(LOCKS_AT, CHANGED_AT),
    changed: cells.subarray(CHANGED_AT, NEWS_AT),
    news: cells.subarray(NEWS_AT, USED_AT),
    used: cells.subarray(USED_AT, KEY_AT),
    key: new Uint8Array(memory, KEY_AT * Int32Array.BYTES_PER_ELEMENT, SIP_KEY_SIZE),
  }
}

export function newMemory(key: Uint8Array): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(SIZE * Int32Array.BYTES_PER_ELEMENT)
  regionsOf(memory).key.set(key)
  return memory
}
