import { isDeepStrictEqual } from 'node:util'
import type { Affinity } from '../runtime/snapshot.ts'

/** Whether sessions that one affinity began are known to another: all of them, none, or not to be told from outside. */
export type Kept = 'all' | 'none' | 'unknown'

/** @param next undefined if there is no affinity any more */
export function keptBy(next: Affinity | undefined, before: Affinity): Kept {
  // Whether the application's ids named servers before is not known here.
  if (next?.type === 'server-id' && before.type !== 'server-id') return 'unknown'
  switch (before.type) {
    case 'cookie':
      return next?.type === 'cookie' ? keptByCookie(next, before) : 'none'
    case 'learn':
      return next?.type === 'learn' && next.secret === before.secret ? most(before.from, next.from) : 'none'
    case 'server-id':
      return next?.type === 'server-id' ? keptByServerId(next, before) : 'none'
    case 'ip-hash':
      return next?.type === 'ip-hash' ? 'all' : 'none'
    case 'consistent-hash':
      return next?.type === 'consistent-hash' && isDeepStrictEqual(next.key, before.key) ? 'all' : 'none'
  }
}

type Cookie = Extract<Affinity, { type: 'cookie' }>

/** Active clients have a ticket that the first secret signed, under the current name. */
function keptByCookie({ name, formerName, secrets, of }: Cookie, before: Cookie): Kept {
  const isRead = (before.name === name || before.name === formerName) && before.of === of
  if (!isRead || !secrets.includes(before.secrets[0]!)) return 'none'
  return most(before.secrets, secrets)
}

type ServerId = Extract<Affinity, { type: 'server-id' }>

function keptByServerId({ from, position, separator }: ServerId, before: ServerId): Kept {
  return position === before.position && separator === before.separator ? most(before.from, from) : 'none'
}

function most(before: readonly unknown[], next: readonly unknown[]): Kept {
  const isThere = (item: unknown) => next.some((other) => isDeepStrictEqual(other, item))
  if (before.every(isThere)) return 'all'
  return before.some(isThere) ? 'unknown' : 'none'
}
