import { isDeepStrictEqual } from 'node:util'
import type { FoundServer, ServerList } from './provider.ts'

/** Whether two lists say the same, however urgent they are. */
export function isSameList(one: ServerList, other: ServerList): boolean {
  return isDeepStrictEqual(one.servers, other.servers) && isDeepStrictEqual(one.mistakes, other.mistakes)
}

/** Whether a server drains that did not before, which must take effect at once. */
export function hasNewDrain(servers: readonly FoundServer[], before: readonly FoundServer[] = []): boolean {
  const draining = new Set(before.filter(({ state }) => state === 'drain').map(({ id }) => id))
  return servers.some(({ id, state }) => state === 'drain' && !draining.has(id))
}
