import type { UpstreamTurns } from '../runtime/scoreboard/upstream-turns.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Balance } from '../runtime/snapshot.ts'
import type { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'
import type { Choice } from './tiers.ts'

/** The limits for computing a period ahead: its length in turns, and the work in additions. */
const LONGEST_PERIOD = 8_192
const MAX_WORK = 4_194_304

/** How often another server is drawn for the turn of a full one, before the turn goes to the next in order. */
const MAX_LOTS = 16

/**
 * Smooth weighted round robin (nginx's ngx_http_upstream_get_peer).
 *
 * The order is periodic, so one period is computed whenever the roster changes, and walked with a cursor that all
 * workers share: a pick costs the same for 2 servers and for 1,000, and the order is exact across workers. If the
 * weights make the period too long, the worker keeps running sums of its own instead.
 */
export class Rotation implements Choice {
  readonly #upstream: number
  readonly #turns: UpstreamTurns
  #servers: readonly ServerState[] = []
  #weights = new Float64Array(0)
  #period: Uint16Array | undefined
  #sums = new RunningSums([])

  constructor(upstream: number, scoreboard: Scoreboard) {
    this.#upstream = upstream
    this.#turns = scoreboard.upstreams
  }

  update({ up, weights }: Roster): void {
    this.#servers = up
    if (weights === this.#weights) return
    this.#weights = weights
    this.#sums = new RunningSums(weights)
    this.#period = periodOf(weights)
  }

  apply(balance: Balance): boolean {
    return balance.type === 'round-robin'
  }

  choose(avoid: readonly ServerState[], now: number): ServerState | undefined {
    const turns = this.#period?.length ?? this.#servers.length
    for (let turn = 0; turn < turns; turn++) {
      const number = this.#turns.nextTurn(this.#upstream)
      const server = this.#servers[this.#period ? this.#period[number % turns]! : this.#sums.next()]!
      if (avoid.includes(server)) continue
      if (server.mayServe(now)) return server
      const other = this.#byLot(avoid, now)
      if (other !== undefined) return other
    }
    return this.#servers.find((server) => !avoid.includes(server) && server.mayServe(now))
  }

  /**
   * Draws a server at random, by weight, for the turn of a full one, so that those turns do not all go to the server
   * after it.
   */
  #byLot(avoid: readonly ServerState[], now: number): ServerState | undefined {
    const order = this.#period
    if (order === undefined) return undefined
    for (let lot = 0; lot < MAX_LOTS; lot++) {
      const server = this.#servers[order[Math.floor(Math.random() * order.length)]!]!
      if (!avoid.includes(server) && server.mayServe(now)) return server
    }
    return undefined
  }
}

/** One period of the order, as indices; undefined if it is too long. */
function periodOf(weights: Float64Array): Uint16Array | undefined {
  if (weights.every((weight) => weight === weights[0])) return Uint16Array.from(weights.keys())
  const length = weights.reduce((sum, weight) => sum + weight, 0) / weights.reduce(greatestCommonDivisor, 0)
  if (length > LONGEST_PERIOD || length * weights.length > MAX_WORK) return undefined
  const sums = new RunningSums(weights)
  return Uint16Array.from({ length }, () => sums.next())
}

/**
 * nginx's current weights: each turn adds every weight to its sum; the greatest sum is chosen, and reduced by the
 * total.
 */
class RunningSums {
  readonly #weights: ArrayLike<number>
  readonly #sums: Float64Array
  readonly #total: number

  constructor(weights: ArrayLike<number>) {
    this.#weights = weights
    this.#sums = new Float64Array(weights.length)
    let total = 0
    for (let i = 0; i < weights.length; i++) total += weights[i]!
    this.#total = total
  }

  /** The index of the next in turn; among equals, the first. */
  next(): number {
    let best = 0
    for (let i = 0; i < this.#sums.length; i++) {
      this.#sums[i]! += this.#weights[i]!
      if (this.#sums[i]! > this.#sums[best]!) best = i
    }
    this.#sums[best]! -= this.#total
    return best
  }
}

/** For whole numbers, and for multiples of the same power of two, such as the weights of servers that warm up. */
function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
