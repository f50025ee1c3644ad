import { asList, asMapping } from './as-written.ts'
import { alternatives, shown } from './error.ts'
import type { KeyPath } from './key-path.ts'
import { nearest } from './nearest.ts'
import { Server } from './server.ts'
import { Source } from './source.ts'
import { didYouMean, type Issue } from './validate.ts'

/**
 * Where an upstream has the cookie of another (`affinity: { type: shared-cookie, with: … }`): mistakes in which upstream that
 * is, and servers that only one of the two has. A session on such a server would move with the first request to the other.
 */
export function sharedCookieContradictions(upstreams: Readonly<Record<string, unknown>>): Issue[] {
  const issuers = Object.keys(upstreams).filter((name) => isCookie(upstreams[name]))
  return Object.entries(upstreams).flatMap(([name, upstream]) => {
    const { affinity } = asMapping(upstream)
    const { type, with: issuer } = asMapping(affinity)
    if (type !== 'shared-cookie' || typeof issuer !== 'string') return []
    if (issuers.includes(issuer)) return differentServers(name, upstream, issuer, upstreams[issuer])
    const known = issuers.length > 0 && issuers.length <= 10 ? ` (${alternatives(issuers)})` : ''
    const path: KeyPath = ['upstreams', name, 'affinity', 'with']
    const message = `expected the name of an upstream with affinity: cookie${known}, found ${shown(issuer)}`
    return [{ path, message, hint: didYouMean(nearest(issuer, issuers)) }]
  })
}

function isCookie(upstream: unknown): boolean {
  const { affinity } = asMapping(upstream)
  return affinity === 'cookie' || asMapping(affinity).type === 'cookie'
}

function differentServers(name: string, upstream: unknown, issuer: string, other: unknown): Issue[] {
  const [ids, others] = [idsOf(upstream), idsOf(other)]
  if (ids === undefined || others === undefined) return []
  const missing = others.filter((id) => !ids.includes(id))
  const additional = ids.filter((id) => !others.includes(id))
  if (missing.length === 0 && additional.length === 0) return []
  const found = [
    ...(missing.length > 0 ? [`no ${listed(missing)}`] : []),
    ...(additional.length > 0 ? [`${listed(additional)} besides`] : []),
  ]
  return [
    {
      path: ['upstreams', name, 'servers'],
      message: `expected servers of the same ids as those of upstream ${issuer}, whose cookie it has, found ${found.join(', and ')}`,
      hint: 'the id of a server is its name by default',
      see: ['upstreams', issuer, 'servers'],
    },
  ]
}

/** At most three of them. */
function listed(ids: readonly string[]): string {
  const others = ids.length > 3 ? ` and ${ids.length - 3} others` : ''
  return ids.slice(0, 3).join(', ') + others
}

/** The ids of the servers that are written in the file; undefined if sources find others, or if something in them is invalid. */
function idsOf(upstream: unknown): string[] | undefined {
  const { servers } = asMapping(upstream)
  const entries = 'from' in asMapping(servers) ? [servers] : asList(servers)
  if (entries.some((entry) => Source.safeParse(entry).success)) return undefined
  const results = entries.map((entry) => Server.safeParse(entry))
  return results.every(({ success }) => success) ? results.map(({ data }) => data!.id) : undefined
}
