import type { Scoreboard } from '../runtime/scoreboard.ts'
import { crc32 } from './crc32.ts'
import type { Policy } from './policy.ts'
import { Ring } from './ring.ts'
import { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016): the ring of `ConsistentHash`, on
 * which a key goes on to the next server as long as it meets one that has its fill. No server is given more than
 * ⌈bound × mean⌉ requests in flight, the mean taken over the servers that are up, by weight, the new one included.
 */
export class BoundedHash implements Policy {
  readonly #bound: number
  readonly #servers: readonly ServerState[]
  readonly #ring: Ring
  readonly #roster: Roster
  readonly #scoreboard: Scoreboard
  readonly #fallback: Policy
  /** Of each server: its weight, or 0 while it is out. */
  readonly #weights: Float64Array

  /**
   * @param bound greater than 1
   * @param fallback picks where there is no key, where there is but one server, and where every server that may be
   *   tried has its fill
   */
  constructor(
    bound: number,
    servers: readonly ServerState[],
    upstream: number,
    scoreboard: Scoreboard,
    fallback: Policy,
  ) {
    this.#bound = bound
    this.#servers = servers.filter((server) => !server.settings.backup)
    this.#ring = new Ring(this.#servers.map((server) => server.settings))
    this.#roster = new Roster(this.#servers, upstream, scoreboard)
    this.#weights = new Float64Array(this.#servers.length)
    this.#scoreboard = scoreboard
    this.#fallback = fallback
  }

  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    if (key.length === 0 || this.#servers.length < 2) return this.#fallback.pick(key, avoid, now)
    if (this.#roster.refresh(now)) this.#update()
    const { inFlights } = this.#scoreboard.servers
    const home = this.#ring.find(crc32(key))
    let fill = 0
    let last = -1
    for (let point = 0; point < this.#ring.length; point++) {
      const owner = this.#ring.owner(home + point)
      const weight = this.#weights[owner]!
      if (owner === last || weight === 0) continue
      last = owner
      const server = this.#servers[owner]!
      const load = inFlights[server.settings.slot]!
      if (load > 0) {
        fill ||= this.#fillOfWeight()
        if (load >= Math.ceil(fill * weight)) continue
      }
      if (!avoid.includes(server) && server.mayServe(now) && server.claim(now)) return server
    }
    return this.#fallback.pick(key, avoid, now)
  }

  home(key: Uint8Array): ServerState | undefined {
    if (this.#servers.length < 2) return this.#servers[0]
    return key.length === 0 ? undefined : this.#servers[this.#ring.owner(this.#ring.find(crc32(key)))]
  }

  /** How much a unit of weight may have in flight. */
  #fillOfWeight(): number {
    const { inFlights } = this.#scoreboard.servers
    let total = 1
    const { slots } = this.#roster
    for (let index = 0; index < slots.length; index++) total += inFlights[slots[index]!]!
    return (this.#bound * total) / this.#roster.total
  }

  #update(): void {
    const { up, weights } = this.#roster
    const weightOf = new Map(up.map((server, index) => [server, weights[index]!]))
    this.#servers.forEach((server, index) => {
      this.#weights[index] = weightOf.get(server) ?? 0
    })
  }
}
