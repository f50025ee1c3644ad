import { crc32 } from './crc32.ts'
import type { Policy } from './policy.ts'
import { Ring } from './ring.ts'
import type { ServerState } from './server-state.ts'

/** How many more points nginx looks at before it falls back to round robin. */
const MAX_TRIES = 20

/**
 * nginx's `hash … consistent` (ngx_http_upstream_hash_module.c), bit for bit: keys belong to servers by a ring, so that
 * a changed list of servers moves no more keys than it must. Servers stand on the ring by their names.
 */
export class ConsistentHash implements Policy {
  readonly #servers: readonly ServerState[]
  readonly #ring: Ring
  readonly #fallback: Policy

  /** @param fallback picks where there is no key, where the ring finds nobody, and where there is but one server */
  constructor(servers: readonly ServerState[], fallback: Policy) {
    this.#servers = servers.filter((server) => !server.settings.backup)
    this.#ring = new Ring(this.#servers.map((server) => server.settings))
    this.#fallback = fallback
  }

  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    if (key.length === 0 || this.#servers.length < 2) return this.#fallback.pick(key, avoid, now)
    const home = this.#ring.find(crc32(key))
    for (let tries = 0; tries <= MAX_TRIES; tries++) {
      const server = this.#servers[this.#ring.owner(home + tries)]!
      if (!avoid.includes(server) && server.mayServe(now) && server.claim(now)) return server
    }
    return this.#fallback.pick(key, avoid, now)
  }

  home(key: Uint8Array): ServerState | undefined {
    if (this.#servers.length < 2) return this.#servers[0]
    return key.length === 0 ? undefined : this.#servers[this.#ring.owner(this.#ring.find(crc32(key)))]
  }
}
