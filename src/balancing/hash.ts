import { finish, START, update, updateByZeros } from '../runtime/crc32.ts'
import type { Balance } from '../runtime/snapshot.ts'
import type { Policy } from './policy.ts'
import { ServerShares } from './server-shares.ts'
import type { ServerState } from './server-state.ts'

/** How often nginx looks for another server before it falls back to round robin. */
const MAX_TRIES = 20

/**
 * nginx's `hash` (ngx_http_upstream_hash_module.c), bit for bit: the CRC-32 of the key, divided by the weights. A
 * change of the list of servers moves most keys.
 */
export class Hash implements Policy {
  readonly #fallback: Policy
  #primaries: ServerShares

  /** @param fallback picks if there is no key, if the hash finds no server, and if there is only one server */
  constructor(servers: readonly ServerState[], fallback: Policy) {
    this.#primaries = new ServerShares(servers)
    this.#fallback = fallback
  }

  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    if (key.length === 0 || this.#primaries.servers.length < 2) return this.#fallback.pick(key, avoid, now)
    let hash = 0
    const first = update(START, key)
    // nginx counts only the tries that found no usable server; those that were found before are to be avoided now.
    for (let tries = 0; tries <= MAX_TRIES + avoid.length; tries++) {
      hash += part(first, key.length, tries)
      const server = this.#primaries.serverAt(hash)
      if (!avoid.includes(server) && server.mayServe(now) && server.claim(now)) return server
    }
    return this.#fallback.pick(key, avoid, now)
  }

  home(key: Uint8Array): ServerState | undefined {
    const { servers } = this.#primaries
    if (servers.length < 2) return servers[0]
    return key.length === 0 ? undefined : this.#primaries.serverAt(part(update(START, key), key.length, 0))
  }

  apply(balance: Balance, servers: readonly ServerState[]): boolean {
    this.#fallback.apply(balance, servers)
    this.#primaries = new ServerShares(servers)
    return balance.type === 'hash'
  }
}

/** The state of the CRC-32 after the decimal number of a try, for the first tries. The try 0 has no number. */
const PREFIXES = Array.from({ length: 64 }, (_, tries) => prefix(tries))

function prefix(tries: number): number {
  return tries === 0 ? START : update(START, Buffer.from(String(tries)))
}

/**
 * What one try adds to the hash: the CRC-32 of its number and the key. The key is not read again.
 *
 * @param first the state after the key in try 0
 */
function part(first: number, length: number, tries: number): number {
  const state = tries === 0 ? first : first ^ updateByZeros(START ^ (PREFIXES[tries] ?? prefix(tries)), length)
  return (finish(state) >>> 16) & 0x7fff
}
