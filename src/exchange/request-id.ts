import { randomFillSync } from 'node:crypto'

const LENGTH = 32
const random = Buffer.allocUnsafeSlow((LENGTH / 2) * 256)
/** Unused ids, from `next` on. */
let ids = ''
let next = 0

/** Makes a random id of 32 hexadecimal digits (nginx's $request_id). Random bytes are drawn for many at once. */
export function makeRequestId(): string {
  if (next === ids.length) {
    ids = randomFillSync(random).toString('hex')
    next = 0
  }
  next += LENGTH
  return ids.slice(next - LENGTH, next)
}

/** Whether a client's request id may be forwarded and logged. */
export function isRequestId(text: string): boolean {
  return /^[!-~]{1,128}$/.test(text)
}
