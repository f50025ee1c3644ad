import type { KeepAlive } from '../runtime/snapshot.ts'

/** A connection on which nothing has come for longer may be half closed already, in ms. */
export const FRESH = 1000

/**
 * Whether a connection has served its time.
 *
 * @param age in ms
 */
export function isSpent({ requestsPerConnection, maxAge }: KeepAlive, requests: number, age: number): boolean {
  return (requestsPerConnection > 0 && requests >= requestsPerConnection) || (maxAge > 0 && age >= maxAge)
}

/** How long a connection of that age may be idle, in ms; Infinity for no limit. */
export function longestRest({ idle, maxAge }: KeepAlive, age: number): number {
  return Math.min(idle || Infinity, maxAge === 0 ? Infinity : maxAge - age)
}
