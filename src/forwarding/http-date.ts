import { wallSeconds } from '../runtime/clock.ts'

let second = 0
let text = ''

/** The time for a Date field (RFC 9110 §5.6.7), remade each second. */
export function httpDate(): string {
  const now = wallSeconds()
  if (now !== second) {
    second = now
    text = new Date(now * 1000).toUTCString()
  }
  return text
}
