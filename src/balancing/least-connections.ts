import type { Scoreboard } from '../scoreboard.ts'
import type { Choice } from './choice.ts'
import type { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'

const MORE_THAN_ANY = 0x7fff_ffff

/**
 * The server with the fewest requests in flight for its weight, those of other workers included. Among equals, smooth
 * weighted round robin (nginx's ngx_http_upstream_least_conn_module.c).
 *
 * It looks at every server, but only at one number of each, all of which stand side by side in memory; with equal
 * weights it stops at the first idle one. docs/balancing.md has what that costs.
 */
export class LeastConnections implements Choice {
  readonly #inFlights: Int32Array
  #servers: readonly ServerState[] = []
  #slots = new Uint16Array(0)
  #limits = new Int32Array(0)
  #weights = new Float64Array(0)
  #equalWeights = true
  /** With equal weights: who comes first among equals. */
  #next = 0
  /** With other weights: nginx's current weights. */
  #sums = new Float64Array(0)

  constructor(scoreboard: Scoreboard) {
    this.#inFlights = scoreboard.inFlights
  }

  update({ up, slots, limits, weights }: Roster): void {
    this.#servers = up
    this.#slots = slots
    this.#limits = limits
    this.#weights = weights
    this.#equalWeights = weights.every((weight) => weight === weights[0])
    this.#next = this.#next % Math.max(1, up.length)
    this.#sums = new Float64Array(up.length)
  }

  choose(avoid: readonly ServerState[]): ServerState | undefined {
    return this.#servers[this.#equalWeights ? this.#leastInTurn(avoid) : this.#leastByWeight(avoid)]
  }

  /** Goes round from the one after the last chosen, so that the first of the least is the next in turn. */
  #leastInTurn(avoid: readonly ServerState[]): number {
    const inFlights = this.#inFlights
    const slots = this.#slots
    let best = -1
    let least = MORE_THAN_ANY
    let to = slots.length
    // Once from there to the end, once from the start to there.
    for (let index = this.#next; ; index = 0, to = this.#next) {
      for (; index < to; index++) {
        const load = inFlights[slots[index]!]!
        if (load >= least || !this.#isOpen(index, load, avoid)) continue
        best = index
        least = load
        if (load === 0) break
      }
      if (least === 0 || to === this.#next) break
    }
    this.#next = best + 1 < slots.length ? best + 1 : 0
    return best
  }

  #leastByWeight(avoid: readonly ServerState[]): number {
    const inFlights = this.#inFlights
    const slots = this.#slots
    const weights = this.#weights
    let best = -1
    let load = 1
    let weight = 0 // one request for no weight: more than any
    let isTied = false
    for (let index = 0; index < slots.length; index++) {
      const other = inFlights[slots[index]!]!
      // other / its weight against load / weight, without dividing, so that equal fractions are equal.
      const difference = other * weight - load * weights[index]!
      if (difference > 0 || !this.#isOpen(index, other, avoid)) continue
      if (difference === 0) {
        isTied = true
        continue
      }
      best = index
      load = other
      weight = weights[index]!
      isTied = false
    }
    return isTied ? this.#nextOf(best, load, weight, avoid) : best
  }

  /** The next in smooth weighted round robin among those who have `load` for `weight`; `first` is the first of them. */
  #nextOf(first: number, load: number, weight: number, avoid: readonly ServerState[]): number {
    const inFlights = this.#inFlights
    const slots = this.#slots
    const weights = this.#weights
    const sums = this.#sums
    let best = first
    let total = 0
    for (let index = first; index < slots.length; index++) {
      const other = inFlights[slots[index]!]!
      if (other * weight !== load * weights[index]! || !this.#isOpen(index, other, avoid)) continue
      total += weights[index]!
      sums[index]! += weights[index]!
      if (sums[index]! > sums[best]!) best = index
    }
    sums[best]! -= total
    return best
  }

  #isOpen(index: number, load: number, avoid: readonly ServerState[]): boolean {
    return load < this.#limits[index]! && (avoid.length === 0 || !avoid.includes(this.#servers[index]!))
  }
}
