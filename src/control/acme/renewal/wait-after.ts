import { Problem, Unreachable } from '../protocol/problem.ts'

const MINUTE = 60_000

/** Waits that grow with each failure, in ms. */
interface Growth {
  readonly first: number
  readonly factor: number
  readonly longest: number
}

/** After a refusal. With Let's Encrypt, five failed challenges an hour exhaust the limit of a host. */
const REFUSED: Growth = { first: 5 * MINUTE, factor: 3, longest: 360 * MINUTE }
/** If the authority did not work at all. */
const DOWN: Growth = { first: 10_000, factor: 2, longest: 15 * MINUTE }
/** Where a rate limit does not say until when it holds. */
const RATE_LIMITED = 60 * MINUTE

/**
 * How long to wait until the next attempt, in ms: not less than the authority asks for.
 *
 * @param failures how many attempts have failed before this one
 */
export function waitAfter(error: unknown, failures: number): number {
  const asked = error instanceof Problem || error instanceof Unreachable ? error.retryAfter : undefined
  if (error instanceof Problem && error.type === 'rateLimited') return asked ?? RATE_LIMITED
  const { first, factor, longest } = error instanceof Unreachable ? DOWN : REFUSED
  return Math.max(Math.min(first * factor ** failures, longest), asked ?? 0)
}
