import { finish, START, update } from './crc32.ts'
import type { Policy } from './policy.ts'
import type { ServerState } from './server-state.ts'
import { Shares } from './shares.ts'

/** How often nginx looks for another server before it falls back to round robin. */
const MOST_TRIES = 20

/**
 * nginx's `hash` (ngx_http_upstream_hash_module.c), bit for bit: the CRC-32 of the key, divided by the weights. A
 * changed list of servers moves most keys.
 */
export class Hash implements Policy {
  readonly #servers: readonly ServerState[]
  readonly #shares: Shares
  readonly #fallback: Policy

  /** @param fallback picks where there is no key, where the hash finds nobody, and where there is but one server */
  constructor(servers: readonly ServerState[], fallback: Policy) {
    this.#servers = servers.filter((server) => !server.settings.backup)
    this.#shares = new Shares(this.#servers.map((server) => server.settings.weight))
    this.#fallback = fallback
  }

  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    if (key.length === 0 || this.#servers.length < 2) return this.#fallback.pick(key, avoid, now)
    let hash = 0
    // nginx counts only the tries that found nobody; the ones to avoid were found before.
    for (let tries = 0; tries <= MOST_TRIES + avoid.length; tries++) {
      hash += part(key, tries)
      const server = this.#at(hash)
      if (!avoid.includes(server) && server.mayServe(now) && server.claim(now)) return server
    }
    return this.#fallback.pick(key, avoid, now)
  }

  home(key: Uint8Array): ServerState | undefined {
    if (this.#servers.length < 2) return this.#servers[0]
    return key.length === 0 ? undefined : this.#at(part(key, 0))
  }

  #at(hash: number): ServerState {
    return this.#servers[this.#shares.at(hash % this.#shares.total)]!
  }
}

/** CRC-32 after the number of each of the first tries, in decimal; before the first, nothing. */
const PREFIXES = Array.from({ length: 64 }, (_, tries) => prefix(tries))

function prefix(tries: number): number {
  return tries === 0 ? START : update(START, Buffer.from(String(tries)))
}

/** What one try adds to the hash. */
function part(key: Uint8Array, tries: number): number {
  return (finish(update(PREFIXES[tries] ?? prefix(tries), key)) >>> 16) & 0x7fff
}
