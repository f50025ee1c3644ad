import { networkInterfaces } from 'node:os'
import { parseIpAddress } from '../../runtime/ip-address.ts'

/** By number, IPv4 first: the same order whatever order a DNS server has them in. */
export function compareAddresses(one: string, other: string): number {
  const [a, b] = [octetsOf(one), octetsOf(other)]
  return a.length - b.length || Buffer.compare(a, b)
}

/**
 * The order in which the addresses of one host are tried. Those that are known already stay in front, in their order, so that users
 * stay where they are. Others follow as RFC 6724 has it, so far as it concerns servers: IPv6 comes first where this machine has an
 * address of the same scope, and last where it has none.
 */
export function inOrderOfTrial(addresses: readonly string[], known: readonly string[]): readonly string[] {
  const there = new Set(addresses)
  const staying = known.filter((address) => there.has(address))
  const news = addresses.filter((address) => !staying.includes(address))
  if (news.length < 2) return [...staying, ...news]
  const own = ownScopes()
  return [
    ...staying,
    ...news.toSorted((one, other) => rank(one, own) - rank(other, own) || compareAddresses(one, other)),
  ]
}

type Scope = 'loopback' | 'global' | 'local'

/** Lower is better. */
function rank(address: string, own: ReadonlySet<Scope>): number {
  if (!address.includes(':')) return 1
  const scope = scopeOf(address)
  if (!own.has(scope)) return 3
  // Unique local addresses come behind IPv4 (RFC 6724 §2.1, fc00::/7).
  return scope === 'local' ? 2 : 0
}

function ownScopes(): ReadonlySet<Scope> {
  const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all)
  // A link-local address (fe80::/10) reaches no other network.
  const usable = addresses.filter(({ family, scopeid }) => family === 'IPv6' && (scopeid ?? 0) === 0)
  return new Set(usable.map(({ address }) => scopeOf(address)))
}

function scopeOf(address: string): Scope {
  if (address === '::1') return 'loopback'
  return /^f[cd]/.test(address) ? 'local' : 'global'
}

function octetsOf(address: string): Uint8Array {
  return parseIpAddress(address)?.octets ?? new Uint8Array()
}
