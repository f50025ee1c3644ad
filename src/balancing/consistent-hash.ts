import { crc32 } from '../runtime/crc32.ts'
import type { Balance } from '../runtime/snapshot.ts'
import type { Policy } from './policy.ts'
import type { ServerRing } from './server-ring.ts'
import type { ServerState } from './server-state.ts'

/** How many more points nginx looks at before it falls back to round robin. */
const MAX_TRIES = 20

/**
 * nginx's `hash … consistent` (ngx_http_upstream_hash_module.c), bit for bit: a ring ties keys to servers, so that a
 * change of the list of servers moves no more keys than necessary. Servers are placed on the ring by their names.
 */
export class ConsistentHash implements Policy {
  readonly #ring: ServerRing
  readonly #fallback: Policy

  /** @param fallback picks if there is no key, if the ring finds no server, and if there is only one server */
  constructor(ring: ServerRing, fallback: Policy) {
    this.#ring = ring
    this.#fallback = fallback
  }

  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    const { servers, points } = this.#ring
    if (key.length === 0 || servers.length < 2) return this.#fallback.pick(key, avoid, now)
    const home = points.find(crc32(key))
    for (let tries = 0; tries <= MAX_TRIES; tries++) {
      const server = servers[points.owner(home + tries)]!
      if (!avoid.includes(server) && server.mayServe(now) && server.claim(now)) return server
    }
    return this.#fallback.pick(key, avoid, now)
  }

  home(key: Uint8Array): ServerState | undefined {
    return this.#ring.home(key)
  }

  apply(balance: Balance, servers: readonly ServerState[]): boolean {
    this.#fallback.apply(balance, servers)
    return balance.type === 'consistent-hash' && balance.boundedLoad === undefined && this.#ring.apply(servers)
  }
}
