import { isDeepStrictEqual } from 'node:util'
import type { FoundServer, Landscape, ServerList } from './provider.ts'

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
    one.incarnation === other.incarnation &&
    (one.settings === other.settings || isDeepStrictEqual(one.settings, other.settings))
  )
}

/** Whether labels describe the same, however urgent it is. */
export function isSameLandscape(one: Landscape, other: Landscape): boolean {
  return isDeepStrictEqual({ ...one, isUrgent: undefined }, { ...other, isUrgent: undefined })
}
