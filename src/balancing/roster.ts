import type { UpstreamTurns } from '../runtime/scoreboard/upstream-turns.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { ServerState } from './server-state.ts'

/** Those of a group's servers that are up, and their weights, kept current at the price of two comparisons a pick. */
export class Roster {
  up: readonly ServerState[] = []
  /** What counts now: smaller than the servers' own while they warm up. The same object as long as it says the same. */
  weights = new Float64Array(0)
  /** Where each is on the Scoreboard. */
  slots = new Uint16Array(0)
  /** How many requests each may have in flight. */
  limits = new Int32Array(0)
  /** All of `weights` together. */
  total = 0
  #servers: readonly ServerState[]
  readonly #upstream: number
  readonly #turns: UpstreamTurns
  #epoch: number | undefined
  /** When the next server may be probed, or is warmer. */
  #until = 0

  constructor(servers: readonly ServerState[], upstream: number, scoreboard: Scoreboard) {
    this.#servers = servers
    this.#upstream = upstream
    this.#turns = scoreboard.upstreams
  }

  /** Takes in a list of servers, some of which may be the same with other settings. */
  apply(servers: readonly ServerState[]): void {
    this.#servers = servers
    this.expire()
  }

  /** Looks again where there is reason to; returns whether it found any change. */
  refresh(now: number): boolean {
    const epoch = this.#turns.epoch(this.#upstream)
    if (epoch === this.#epoch && now < this.#until) return false
    this.#epoch = epoch
    this.#until = Infinity
    const up: ServerState[] = []
    for (const server of this.#servers) {
      const isUp = server.isUp(now)
      if (isUp) up.push(server)
      this.#until = Math.min(this.#until, now + (isUp ? server.untilStep(now) : server.untilProbe(now)))
    }
    const weights = Float64Array.from(up, (server) => server.weight(now))
    const limits = Int32Array.from(up, (server) => server.limit)
    const isAlike = areAlike(weights, this.weights)
    if (isAlike && areAlike(up, this.up) && areAlike(limits, this.limits)) return false
    this.up = up
    if (!isAlike) this.weights = weights
    this.limits = limits
    this.slots = Uint16Array.from(up, (server) => server.settings.slot)
    this.total = weights.reduce((sum, weight) => sum + weight, 0)
    return true
  }

  /** Makes the next `refresh` look again. */
  expire(): void {
    this.#epoch = undefined
  }
}

function areAlike(some: ArrayLike<unknown>, others: ArrayLike<unknown>): boolean {
  if (some.length !== others.length) return false
  for (let index = 0; index < some.length; index++) if (some[index] !== others[index]) return false
  return true
}
