import type { Problem } from '../config/error.ts'
import type { Upstream } from '../config/upstream.ts'
import { when } from './refusal.ts'

/** A default that nginx cannot express but that is accepted; docs/nginx.md describes the difference. */
const DEFAULT_TUNNEL = 3_600_000

/** What nginx cannot express of the timeouts of a server. */
export function inexpressibleTimeouts(timeouts: Upstream['timeouts'], path: string): Problem[] {
  const noLimit = (key: keyof typeof timeouts) =>
    when(
      timeouts[key] === 0,
      `${path}.timeouts.${key}`,
      'nginx cannot express "no limit"',
      'write a long duration, such as 24d',
    )
  return [
    ...noLimit('connect'),
    ...noLimit('firstByte'),
    ...noLimit('idle'),
    ...when(
      timeouts.firstByte !== timeouts.idle,
      `${path}.timeouts.firstByte`,
      'nginx has one timeout for the first byte and for later pauses',
      'set firstByte and idle to the same value',
    ),
    ...when(
      timeouts.tunnel !== DEFAULT_TUNNEL && timeouts.tunnel !== timeouts.idle,
      `${path}.timeouts.tunnel`,
      'nginx has no separate timeout for upgraded connections',
      'leave it out, or set it to the same value as idle',
    ),
  ]
}
