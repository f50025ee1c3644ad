import { randomFillSync } from 'node:crypto'

const LENGTH = 32
const random = Buffer.allocUnsafeSlow((LENGTH / 2) * 256)
/** Ids that are still to be given, from `next` on. */
let ids = ''
let next = 0

/** Makes an id of 32 hexadecimal digits (nginx's $request_id), random; many are made at once. */
export function makeRequestId(): string {
  if (next === ids.length) {
    ids = randomFillSync(random).toString('hex')
    next = 0
  }
  next += LENGTH
  return ids.slice(next - LENGTH, next)
}

/** Whether an id that came with a request is fit to be passed on and logged. */
export function isRequestId(text: string): boolean {
  return /^[!-~]{1,128}$/.test(text)
}
