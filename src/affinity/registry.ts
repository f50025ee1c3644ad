import type { SessionTable } from '../runtime/session-table.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import type { Affinity } from './affinity.ts'
import { CookieAffinity } from './cookie.ts'
import { KeyedAffinity } from './keyed.ts'
import { LearnAffinity } from './learn.ts'
import { ServerIdAffinity } from './server-id.ts'

/** Builds the affinity of an upstream. Each kind has its line here, by its name in the Snapshot. */
export function affinityFor(upstream: Upstream, sessions: SessionTable): Affinity | undefined {
  const { affinity, servers, name } = upstream
  switch (affinity?.type) {
    case undefined:
      return undefined
    case 'cookie':
      return new CookieAffinity(affinity, name, servers, sessions)
    case 'learn':
      return new LearnAffinity(affinity, name, servers, sessions)
    case 'server-id':
      return new ServerIdAffinity(affinity, name, servers, sessions)
    case 'ip-hash':
    case 'consistent-hash':
      return new KeyedAffinity(affinity, name, sessions.key)
  }
}
