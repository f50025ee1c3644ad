import type { UpstreamTurns } from '../runtime/scoreboard/upstream-turns.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { ServerState } from './server-state.ts'

/** Those of a group's servers that are up, and their weights, kept current at the price of two comparisons a pick. */
export class Roster {
  up: readonly ServerState[] = []
  /** What counts now: smaller than the servers' own while they warm up. */
  weights = new Float64Array(0)
  /** Where each is on the Scoreboard. */
  slots = new Uint16Array(0)
  /** How many requests each may have in flight. */
  limits = new Int32Array(0)
  /** All of `weights` together. */
  total = 0
  readonly #servers: readonly ServerState[]
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

  /** Returns whether anything has changed. */
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
    this.up = up
    this.weights = Float64Array.from(up, (server) => server.weight(now))
    this.slots = Uint16Array.from(up, (server) => server.settings.slot)
    this.limits = Int32Array.from(up, (server) => server.limit)
    this.total = this.weights.reduce((sum, weight) => sum + weight, 0)
    return true
  }

  /** Makes the next `refresh` look again. */
  expire(): void {
    this.#epoch = undefined
  }
}
