import type { HostsFile } from '../../runtime/hosts-file.ts'
import type { ResolverAddress } from './resolver-settings.ts'

export type Family = 'ipv4' | 'ipv6'

/** The addresses of a name. */
export interface Found {
  /** In canonical form, each once, in no particular order. A family that was not asked for is absent. */
  readonly addresses: Readonly<Partial<Record<Family, readonly string[]>>>
  /** How long they hold, in s. */
  readonly ttl: number
  /** The DNS server that said so. Absent: /etc/hosts did, or it is known of itself. */
  readonly from?: ResolverAddress
}

/** How long what /etc/hosts says holds, in s: it has no times of its own, and little work is to read it again. */
const HOSTS_TTL = 5

/** What is known of a name without the DNS; undefined if nothing is. */
export function knownHere(
  host: string,
  hosts: HostsFile,
  families: readonly Family[] = ['ipv4', 'ipv6'],
): Found | undefined {
  const name = host.endsWith('.') ? host.slice(0, -1) : host
  const written = hosts.addressesOf(name)
  const all = written.length > 0 ? written : isLocalhost(name) ? ['127.0.0.1', '::1'] : []
  const addresses = Object.fromEntries(
    families.map((family) => [family, all.filter((each) => familyOf(each) === family)]),
  )
  return Object.values(addresses).some((each) => each.length > 0) ? { addresses, ttl: HOSTS_TTL } : undefined
}

export function familyOf(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}

/** RFC 6761 §6.3. */
function isLocalhost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}
