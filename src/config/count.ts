import { InvalidValue } from './error.ts'

/** The notation of a limit on a number of things: `1000`, or `unlimited`. */
export const countPattern = /^(?:unlimited|\d+)$/

/** A limit on a number of things, 0 for `unlimited`. Throws InvalidValue for anything else. */
export function parseCount(written: string | number): number {
  if (written === 'unlimited') return 0
  const count = countPattern.test(String(written)) ? Number(written) : Number.NaN
  if (!Number.isSafeInteger(count)) throw new InvalidValue('a whole number such as 1000, or unlimited')
  return count
}

/** Writes the limit as in the file. */
export function formatCount(count: number): string | number {
  return count === 0 ? 'unlimited' : count
}
