import type { Scoreboard } from '../scoreboard.ts'
import type { Choice } from './choice.ts'
import type { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'

/**
 * The server with the fewest requests in flight for its weight, those of other workers included. Among equals, smooth
 * weighted round robin (nginx's ngx_http_upstream_least_conn_module.c).
 *
 * It looks at every server, but at one number of each, all of which stand side by side in memory; and where weights are
 * equal, it stops at the first server that is idle.
 */
export class LeastConnections implements Choice {
  readonly #inFlights: Int32Array
  #servers: readonly ServerState[] = []
  #slots = new Uint16Array(0)
  /** How many each may have in flight. */
  #limits = new Float64Array(0)
  #weights = new Float64Array(0)
  #equalWeights = true
  /** With equal weights, where the next turn among equals begins. */
  #next = 0
  /** With other weights, nginx's current weights. */
  #sums = new Float64Array(0)

  constructor(scoreboard: Scoreboard) {
    this.#inFlights = scoreboard.inFlights
  }

  update({ up, weights }: Roster): void {
    this.#servers = up
    this.#slots = Uint16Array.from(up, (server) => server.settings.slot)
    this.#limits = Float64Array.from(up, (server) => server.settings.maxConnections || Infinity)
    this.#weights = weights
    this.#equalWeights = weights.every((weight) => weight === weights[0])
    this.#sums = new Float64Array(up.length)
  }

  choose(avoid: readonly ServerState[]): ServerState | undefined {
    const best = this.#equalWeights ? this.#leastInTurn(avoid) : this.#leastByWeight(avoid)
    return best < 0 ? undefined : this.#servers[best]
  }

  /** Going round from the one after the last chosen, so that the first of the least is the next in turn. */
  #leastInTurn(avoid: readonly ServerState[]): number {
    const inFlights = this.#inFlights
    const slots = this.#slots
    let index = this.#next
    let best = -1
    let least = Infinity
    for (let left = slots.length; left > 0; left--) {
      if (index >= slots.length) index = 0
      const load = inFlights[slots[index]!]!
      if (load < least && this.#isOpen(index, avoid)) {
        best = index
        least = load
        if (load === 0) break
      }
      index++
    }
    this.#next = best + 1
    return best
  }

  #leastByWeight(avoid: readonly ServerState[]): number {
    let best = -1
    let least = Infinity
    let isTied = false
    for (let index = 0; index < this.#slots.length; index++) {
      const load = this.#load(index)
      if (load > least || !this.#isOpen(index, avoid)) continue
      isTied = load === least
      best = isTied ? best : index
      least = load
    }
    return isTied ? this.#nextOf(best, least, avoid) : best
  }

  /** The next in smooth weighted round robin among those with that load, the first of whom is known. */
  #nextOf(first: number, load: number, avoid: readonly ServerState[]): number {
    const sums = this.#sums
    let best = first
    let total = 0
    for (let index = first; index < sums.length; index++) {
      if (this.#load(index) !== load || !this.#isOpen(index, avoid)) continue
      total += this.#weights[index]!
      sums[index]! += this.#weights[index]!
      if (sums[index]! > sums[best]!) best = index
    }
    sums[best]! -= total
    return best
  }

  /** Divided, since equal fractions are then equal numbers. */
  #load(index: number): number {
    return this.#inFlights[this.#slots[index]!]! / this.#weights[index]!
  }

  #isOpen(index: number, avoid: readonly ServerState[]): boolean {
    return this.#inFlights[this.#slots[index]!]! < this.#limits[index]! && !avoid.includes(this.#servers[index]!)
  }
}
