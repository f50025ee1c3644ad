import { randomFillSync } from 'node:crypto'

/** The id of a session: 64 bits, as two Int32. */
export interface SessionId {
  readonly high: number
  readonly low: number
}

const pool = new Int32Array(512)
let used = pool.length

/** A random id that cannot be guessed. */
export function makeSessionId(): SessionId {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const high = pool[used++]!
  // The id 0 stands for none.
  const low = pool[used++]! || 1
  return { high, low }
}

/** Its eight bytes. */
export function bytesOfId({ high, low }: SessionId): Uint8Array {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeInt32BE(high, 0)
  bytes.writeInt32BE(low, 4)
  return bytes
}
