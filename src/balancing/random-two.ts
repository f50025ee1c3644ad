import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Balance } from '../runtime/snapshot.ts'
import type { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'
import { Shares } from './shares.ts'
import type { Choice } from './tiers.ts'

/** How often a server is drawn again because it is full or must be avoided. */
const MAX_DRAWS = 20

/**
 * The power of two choices (Mitzenmacher, 1996): of two different servers drawn at random by weight, the one with fewer
 * requests in flight for its weight.
 */
export class RandomTwo implements Choice {
  readonly #inFlights: Int32Array
  #servers: readonly ServerState[] = []
  #slots = new Uint16Array(0)
  #limits = new Int32Array(0)
  #weights = new Float64Array(0)
  #shares = new Shares([])

  constructor(scoreboard: Scoreboard) {
    this.#inFlights = scoreboard.servers.inFlights
  }

  update({ up, slots, limits, weights }: Roster): void {
    this.#servers = up
    this.#slots = slots
    this.#limits = limits
    this.#weights = weights
    this.#shares = new Shares(weights)
  }

  apply(balance: Balance): boolean {
    return balance.type === 'random-two'
  }

  choose(avoid: readonly ServerState[]): ServerState | undefined {
    let first = -1
    for (let draws = this.#servers.length === 0 ? 0 : MAX_DRAWS; draws > 0; draws--) {
      const drawn = first < 0 ? this.#draw() : this.#drawOther(first)
      if (!this.#isOpen(drawn, avoid)) continue
      if (first >= 0) return this.#servers[this.#load(drawn) < this.#load(first) ? drawn : first]
      first = drawn
      if (this.#servers.length === 1) break
    }
    return first < 0 ? this.#anyOpen(avoid) : this.#servers[first]
  }

  #draw(): number {
    return this.#shares.at(Math.random() * this.#shares.total)
  }

  /** Draws from the line without the first server's part. */
  #drawOther(first: number): number {
    const place = Math.random() * (this.#shares.total - this.#weights[first]!)
    const isBefore = place < this.#shares.start(first)
    const drawn = this.#shares.at(isBefore ? place : place + this.#weights[first]!)
    // Rounding could still yield the first one.
    return drawn === first ? (first + 1) % this.#servers.length : drawn
  }

  /** The first usable server from a random one on, so that the load spreads. */
  #anyOpen(avoid: readonly ServerState[]): ServerState | undefined {
    const { length } = this.#servers
    const from = Math.floor(Math.random() * length)
    for (let i = 0; i < length; i++) {
      const index = (from + i) % length
      if (this.#isOpen(index, avoid)) return this.#servers[index]
    }
    return undefined
  }

  #load(index: number): number {
    return this.#inFlights[this.#slots[index]!]! / this.#weights[index]!
  }

  #isOpen(index: number, avoid: readonly ServerState[]): boolean {
    return this.#inFlights[this.#slots[index]!]! < this.#limits[index]! && !avoid.includes(this.#servers[index]!)
  }
}
