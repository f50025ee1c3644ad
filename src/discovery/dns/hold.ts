import type { ResolverFields } from '../../config/resolver.ts'
import type { ResolverAddress } from './resolver-settings.ts'

/**
 * Docker's own DNS server says that names of containers hold for ten minutes. They hold until a container is replaced, and its address
 * may then be another's.
 */
const DOCKER = '127.0.0.11'
/** For how long what Docker says is taken to hold, in ms. */
const DOCKER_MOST = 5000

/** For how long an answer holds, in ms: its TTL (in s), within the bounds that the operator has set. */
export function holdFor(
  { ttl, from }: { readonly ttl: number; readonly from?: ResolverAddress },
  { least, most }: ResolverFields['ttl'],
): number {
  const longest = from?.host === DOCKER ? Math.min(most, DOCKER_MOST) : most
  return Math.max(least, Math.min(ttl * 1000, longest))
}
