import { crc32 } from '../runtime/crc32.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Balance } from '../runtime/snapshot.ts'
import type { Policy } from './policy.ts'
import { Roster } from './roster.ts'
import type { ServerRing } from './server-ring.ts'
import type { ServerState } from './server-state.ts'

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016): the ring of `ConsistentHash`, on
 * which a key moves on to the next server as long as the server it meets has its full share. No server is given more
 * than ⌈bound × mean⌉ requests in flight, where the mean is over the servers that are up, by weight, and includes the
 * new request.
 */
export class BoundedHash implements Policy {
  readonly #ring: ServerRing
  readonly #roster: Roster
  readonly #scoreboard: Scoreboard
  readonly #fallback: Policy
  #bound: number
  /** Each server's weight; 0 while it is out. */
  readonly #weights: Float64Array

  /**
   * @param bound greater than 1
   * @param fallback picks if there is no key, if there is only one server, and if every server that may be tried has
   *   its full share
   */
  constructor(bound: number, ring: ServerRing, upstream: number, scoreboard: Scoreboard, fallback: Policy) {
    this.#bound = bound
    this.#ring = ring
    this.#roster = new Roster(ring.servers, upstream, scoreboard)
    this.#weights = new Float64Array(ring.servers.length)
    this.#scoreboard = scoreboard
    this.#fallback = fallback
  }

  pick(key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    const { servers, points } = this.#ring
    if (key.length === 0 || servers.length < 2) return this.#fallback.pick(key, avoid, now)
    if (this.#roster.refresh(now)) this.#update()
    const { inFlights } = this.#scoreboard.servers
    const home = points.find(crc32(key))
    let fill = 0
    let last = -1
    for (let point = 0; point < points.length; point++) {
      const owner = points.owner(home + point)
      const weight = this.#weights[owner]!
      if (owner === last || weight === 0) continue
      last = owner
      const server = servers[owner]!
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
    return this.#ring.home(key)
  }

  apply(balance: Balance, servers: readonly ServerState[]): boolean {
    this.#fallback.apply(balance, servers)
    const fits = this.#ring.apply(servers)
    this.#roster.apply(this.#ring.servers)
    if (balance.type !== 'consistent-hash' || balance.boundedLoad === undefined) return false
    this.#bound = balance.boundedLoad
    return fits
  }

  /** How many requests may be in flight for each unit of weight. */
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
    this.#ring.servers.forEach((server, index) => {
      this.#weights[index] = weightOf.get(server) ?? 0
    })
  }
}
