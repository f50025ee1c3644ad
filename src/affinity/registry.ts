import type { SessionTable } from '../runtime/session-table.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import type { Affinity, SessionRequest } from './affinity.ts'
import { CookieAffinity } from './cookie.ts'
import { KeyedAffinity } from './keyed.ts'
import { LearnAffinity } from './learn.ts'

/**
 * The affinity of an upstream. Every kind there is has its line here, by its name in the Snapshot.
 *
 * @param keyOf the bytes of a request that a hash ties to a server, for kinds that leave it to a hash
 */
export function affinityFor(
  upstream: Upstream,
  sessions: SessionTable,
  keyOf: (request: SessionRequest) => Uint8Array,
): Affinity | undefined {
  const { affinity, servers, name } = upstream
  switch (affinity?.type) {
    case undefined:
      return undefined
    case 'cookie':
      return new CookieAffinity(affinity, name, servers, sessions)
    case 'learn':
      return new LearnAffinity(affinity, name, servers, sessions)
    case 'ip-hash':
    case 'consistent-hash':
      return new KeyedAffinity(keyOf, name, sessions.key)
  }
}
