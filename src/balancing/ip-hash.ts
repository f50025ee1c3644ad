import { rehash } from '../runtime/key-hash.ts'
import type { Balance } from '../runtime/snapshot.ts'
import type { Policy } from './policy.ts'
import { ServerShares } from './server-shares.ts'
import type { ServerState } from './server-state.ts'

/** How often nginx looks for another server before it falls back to round robin. */
const MAX_TRIES = 20

/**
 * nginx's `ip_hash` (ngx_http_upstream_ip_hash_module.c), bit for bit: the first three octets of an IPv4 address, or
 * all sixteen of an IPv6 address, tie a client to a server. So a whole /24 is one client, and a change of the list of
 * servers moves most of them. The algorithm is kept so that migrating from nginx moves no client.
 */
export class IpHash implements Policy {
  readonly #fallback: Policy
  #primaries: ServerShares

  /** @param fallback picks if the hash finds no server, and if there is only one server */
  constructor(servers: readonly ServerState[], fallback: Policy) {
    this.#primaries = new ServerShares(servers)
    this.#fallback = fallback
  }

  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    if (this.#primaries.servers.length < 2) return this.#fallback.pick(key, avoid, now)
    let hash = 89
    // nginx counts only the tries that found no usable server; those that were found before are to be avoided now.
    for (let tries = 0; tries <= MAX_TRIES + avoid.length; tries++) {
      hash = rehash(hash, key)
      const server = this.#primaries.serverAt(hash)
      if (!avoid.includes(server) && server.mayServe(now) && server.claim(now)) return server
    }
    return this.#fallback.pick(key, avoid, now)
  }

  home(key: Uint8Array): ServerState | undefined {
    const { servers } = this.#primaries
    return servers.length < 2 ? servers[0] : this.#primaries.serverAt(rehash(89, key))
  }

  apply(balance: Balance, servers: readonly ServerState[]): boolean {
    this.#fallback.apply(balance, servers)
    this.#primaries = new ServerShares(servers)
    return balance.type === 'ip-hash'
  }
}
