import type { Policy } from './policy.ts'
import type { ServerState } from './server-state.ts'
import { Shares } from './shares.ts'

/** How often nginx looks for another server before it falls back to round robin. */
const MAX_TRIES = 20

/**
 * nginx's `ip_hash` (ngx_http_upstream_ip_hash_module.c), bit for bit: the first three octets of an IPv4 address, or
 * all sixteen of an IPv6 one, tie a client to a server. A whole /24 is one client, and a changed list of servers moves
 * most of them; that is the algorithm, kept so that nobody moves who comes from nginx.
 */
export class IpHash implements Policy {
  readonly #servers: readonly ServerState[]
  readonly #shares: Shares
  readonly #fallback: Policy

  /** @param fallback picks where the hash finds nobody, and where there is but one server */
  constructor(servers: readonly ServerState[], fallback: Policy) {
    this.#servers = servers.filter((server) => !server.settings.backup)
    this.#shares = new Shares(this.#servers.map((server) => server.settings.weight))
    this.#fallback = fallback
  }

  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    if (this.#servers.length < 2) return this.#fallback.pick(key, avoid, now)
    let hash = 89
    // nginx counts only the tries that found nobody; the ones to avoid were found before.
    for (let tries = 0; tries <= MAX_TRIES + avoid.length; tries++) {
      hash = rehash(hash, key)
      const server = this.#at(hash)
      if (!avoid.includes(server) && server.mayServe(now) && server.claim(now)) return server
    }
    return this.#fallback.pick(key, avoid, now)
  }

  home(key: Uint8Array): ServerState | undefined {
    return this.#servers.length < 2 ? this.#servers[0] : this.#at(rehash(89, key))
  }

  #at(hash: number): ServerState {
    return this.#servers[this.#shares.at(hash % this.#shares.total)]!
  }
}

function rehash(hash: number, address: Uint8Array): number {
  const octets = address.length === 4 ? 3 : address.length
  let result = hash
  for (let i = 0; i < octets; i++) result = (result * 113 + address[i]!) % 6271
  return result
}
