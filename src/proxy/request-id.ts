import { randomFillSync } from 'node:crypto'

const BYTES = 16
const pool = Buffer.allocUnsafeSlow(BYTES * 256)
let used = pool.length

/** Makes an id of 32 hexadecimal digits (nginx's $request_id), random, from a pool that is filled now and then. */
export function makeRequestId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += BYTES
  return pool.toString('hex', used - BYTES, used)
}

/** Whether an id that came with a request is fit to be passed on and logged. */
export function isRequestId(text: string): boolean {
  return /^[!-~]{1,128}$/.test(text)
}
