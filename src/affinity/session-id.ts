import { randomFillSync } from 'node:crypto'

/** What a session is known by: 64 bits, as two Int32. */
export interface SessionId {
  readonly high: number
  readonly low: number
}

const pool = new Int32Array(512)
let used = pool.length

/** An id that nobody can guess. */
export function makeSessionId(): SessionId {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const high = pool[used++]!
  // An id of zeros stands for none.
  const low = pool[used++]! || 1
  return { high, low }
}

/** The id of a session that its key stands for, by two runs of FNV-1a. */
export function sessionIdOf(key: Uint8Array, salt: number): SessionId {
  let high = 0x811c9dc5 ^ salt
  let low = 0x050c5d1f ^ salt
  for (let at = 0; at < key.length; at++) {
    high = Math.imul(high ^ key[at]!, 0x01000193)
    low = Math.imul(low ^ key[at]!, 0x01000193)
  }
  // FNV leaves its lower bits weak, and buckets are found by them.
  return { high: scatter(high), low: scatter(low) || 1 }
}

/** The finaliser of MurmurHash3. */
function scatter(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
