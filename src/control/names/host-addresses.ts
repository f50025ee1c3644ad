import { isIPv4 } from 'node:net'
import type { Config } from '../../config/schema.ts'

type Upstream = Config['upstreams'][number]

/** The addresses of each host name of a configuration, in the order in which they are tried; none if it has not been found yet. */
export type HostAddresses = ReadonlyMap<string, readonly string[]>

/** For a configuration by which nothing is served. */
export const NO_ADDRESSES: HostAddresses = new Map()

/** There may be thousands of servers, and each apply asks. */
const names = new WeakMap<Upstream, ReadonlySet<string>>()

/** The host names of an upstream's servers. */
export function namesIn(upstream: Upstream): ReadonlySet<string> {
  let known = names.get(upstream)
  if (known === undefined) {
    known = new Set(
      upstream.servers.flatMap(({ endpoint }) => ('host' in endpoint && isName(endpoint.host) ? [endpoint.host] : [])),
    )
    names.set(upstream, known)
  }
  return known
}

/** What differs, one sentence each. A name that is new, or gone, is part of a change of its servers. */
export function addressChanges(before: HostAddresses, next: HostAddresses): string[] {
  if (before === next) return []
  return [...next].flatMap(([host, addresses]) => {
    const former = before.get(host)
    if (former === undefined || former === addresses) return []
    if (former.length === 0) return [`host ${host} is found: ${addresses.join(', ')}`]
    return [`host ${host} is at ${addresses.join(', ')} (was ${former.join(', ')})`]
  })
}

function isName(host: string): boolean {
  return !host.includes(':') && !isIPv4(host)
}
