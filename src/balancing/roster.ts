import type { UpstreamTurns } from '../runtime/scoreboard/upstream-turns.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { ServerState } from './server-state.ts'

/** The servers of a group that are up, and their weights, kept current at the cost of two comparisons for each pick. */
export class Roster {
  up: readonly ServerState[] = []
  /**
   * The current weights, which are smaller than the configured ones while servers warm up. The same object as long as
   * they do not change.
   */
  weights = new Float64Array(0)
  /** Each server's slot on the Scoreboard. */
  slots = new Uint16Array(0)
  /** The most requests that each may have in flight. */
  limits = new Int32Array(0)
  /** The sum of `weights`. */
  total = 0
  #servers: readonly ServerState[]
  readonly #upstream: number
  readonly #turns: UpstreamTurns
  #epoch: number | undefined
  /** When the next server may be probed, or gains weight as it warms up. */
  #until = 0

  constructor(servers: readonly ServerState[], upstream: number, scoreboard: Scoreboard) {
    this.#servers = servers
    this.#upstream = upstream
    this.#turns = scoreboard.upstreams
  }

  /** Takes over a list of servers, which may include the same ones with other settings. */
  apply(servers: readonly ServerState[]): void {
    this.#servers = servers
    this.expire()
  }

  /** Reads the servers' state again if it may have changed; returns whether it has. */
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

  /** Makes the next `refresh` read the state again. */
  expire(): void {
    this.#epoch = undefined
  }
}

function areAlike(some: ArrayLike<unknown>, others: ArrayLike<unknown>): boolean {
  if (some.length !== others.length) return false
  for (let index = 0; index < some.length; index++) if (some[index] !== others[index]) return false
  return true
}
