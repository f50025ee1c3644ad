import type { Scoreboard } from '../scoreboard.ts'
import type { ServerState } from './server-state.ts'

/** The longest period that is worked out ahead, in turns. */
const LONGEST_PERIOD = 8_192

/**
 * Smooth weighted round robin (nginx's ngx_http_upstream_get_peer) over those of its servers that may serve.
 *
 * The order is periodic, so one period of it is worked out whenever the set of servers that may serve changes, and
 * walked with a cursor that all workers share: a pick costs the same for 2 servers and for 1,000, and the order is
 * exact across workers. Where weights make the period too long, the worker goes by its own running sums instead.
 */
export class Rotation {
  readonly #servers: readonly ServerState[]
  readonly #upstream: number
  readonly #scoreboard: Scoreboard
  #eligible: readonly ServerState[] = []
  #period: Uint16Array | undefined
  #sums = new RunningSums([])
  #epoch: number | undefined
  /** When the next of the servers that are out may be probed. */
  #nextProbe = Infinity

  constructor(servers: readonly ServerState[], upstream: number, scoreboard: Scoreboard) {
    this.#servers = servers
    this.#upstream = upstream
    this.#scoreboard = scoreboard
  }

  pick(avoid: readonly ServerState[], now: number): ServerState | undefined {
    // Twice, because claiming may show that the order is out of date: another worker took the probe.
    for (let round = 0; round < 2; round++) {
      if (this.#scoreboard.epoch(this.#upstream) !== this.#epoch || now >= this.#nextProbe) this.#workOut(now)
      const server = this.#next(avoid, now)
      if (server === undefined || server.claim(now)) return server
      this.#epoch = undefined
    }
    return this.#servers.find((server) => !avoid.includes(server) && server.mayServe(now) && server.claim(now))
  }

  #next(avoid: readonly ServerState[], now: number): ServerState | undefined {
    const turns = this.#period?.length ?? this.#eligible.length
    for (let turn = 0; turn < turns; turn++) {
      const index = this.#period ? this.#period[this.#scoreboard.nextTurn(this.#upstream) % turns]! : this.#sums.next()
      const server = this.#eligible[index]!
      if (!avoid.includes(server) && server.mayServe(now)) return server
    }
    return undefined
  }

  #workOut(now: number): void {
    this.#epoch = this.#scoreboard.epoch(this.#upstream)
    this.#eligible = this.#servers.filter((server) => server.mayServe(now))
    const out = this.#servers.filter((server) => !this.#eligible.includes(server))
    this.#nextProbe = now + Math.min(...out.map((server) => server.untilProbe(now)), Infinity)
    const weights = this.#eligible.map((server) => server.settings.weight)
    this.#sums = new RunningSums(weights)
    this.#period = periodOf(weights)
  }
}

/** One period of the order, as indices; undefined where it is too long to be worth it. */
function periodOf(weights: readonly number[]): Uint16Array | undefined {
  if (weights.every((weight) => weight === weights[0])) return Uint16Array.from(weights.keys())
  const length = weights.reduce((sum, weight) => sum + weight, 0) / weights.reduce(greatestCommonDivisor, 0)
  if (length > LONGEST_PERIOD) return undefined
  const sums = new RunningSums(weights)
  return Uint16Array.from({ length }, () => sums.next())
}

/** nginx's current weights: each turn adds every weight to its sum; the greatest sum is taken, and pays the total. */
class RunningSums {
  readonly #weights: readonly number[]
  readonly #sums: Float64Array
  readonly #total: number

  constructor(weights: readonly number[]) {
    this.#weights = weights
    this.#sums = new Float64Array(weights.length)
    this.#total = weights.reduce((sum, weight) => sum + weight, 0)
  }

  /** The index of the next in turn; ties go to the earlier. */
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

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
