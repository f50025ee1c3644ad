import { isDeepStrictEqual } from 'node:util'
import type { FoundServer, ServerList } from './provider.ts'

/** Whether two lists say the same, however urgent they are. */
export function isSameList(one: ServerList, other: ServerList): boolean {
  return (
    one.servers.length === other.servers.length &&
    one.servers.every((server, index) => isSameServer(server, other.servers[index]!)) &&
    isDeepStrictEqual(one.mistakes, other.mistakes)
  )
}

/** Whether both say the same of a server. There may be thousands, of which most have no settings: a whole comparison is slow. */
export function isSameServer(one: FoundServer, other: FoundServer): boolean {
  return (
    one.id === other.id &&
    one.name === other.name &&
    one.address === other.address &&
    one.state === other.state &&
    (one.settings === other.settings || isDeepStrictEqual(one.settings, other.settings))
  )
}

/** Whether a server drains that did not before, which must take effect at once. */
export function hasNewDrain(servers: readonly FoundServer[], before: readonly FoundServer[] = []): boolean {
  const draining = new Set(before.filter(({ state }) => state === 'drain').map(({ id }) => id))
  return servers.some(({ id, state }) => state === 'drain' && !draining.has(id))
}
