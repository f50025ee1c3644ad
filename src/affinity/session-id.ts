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
