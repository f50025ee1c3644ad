import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Balance } from '../runtime/snapshot.ts'
import { Peers } from './peers.ts'
import type { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'
import type { Choice } from './tiers.ts'

/**
 * The server with the fewest requests in flight for its weight, including those of other workers (nginx's
 * ngx_http_upstream_least_conn_module.c). Equals take turns: those of the same weight one after the other, and those of
 * different weights by smooth weighted round robin.
 *
 * It scans every server, but only one number of each, which are adjacent in memory; if all weights are equal, it stops
 * at the first idle one. For the cost see docs/balancing-figures.md.
 */
export class LeastConnections implements Choice {
  readonly #inFlights: Int32Array
  #groups: readonly Peers[] = []

  constructor(scoreboard: Scoreboard) {
    this.#inFlights = scoreboard.servers.inFlights
  }

  update({ up, weights }: Roster): void {
    const byWeight = Map.groupBy(up.keys(), (index) => weights[index]!)
    this.#groups = Array.from(byWeight, ([weight, indices]) => {
      const servers = indices.map((index) => up[index]!)
      return new Peers(weight, servers, this.#inFlights)
    })
  }

  apply(balance: Balance): boolean {
    return balance.type === 'least-connections'
  }

  choose(avoid: readonly ServerState[]): ServerState | undefined {
    const groups = this.#groups
    const isMixed = groups.length > 1
    let least = Infinity
    for (const group of groups) {
      group.look(avoid, isMixed)
      if (group.ties > 0) least = Math.min(least, group.least / group.weight)
    }
    return isMixed ? this.#nextOf(least) : groups[0]?.take()
  }

  /** The next one in smooth weighted round robin among those with that load for their weight. */
  #nextOf(load: number): ServerState | undefined {
    let best: Peers | undefined
    let total = 0
    for (const group of this.#groups) {
      if (group.ties === 0 || group.least / group.weight !== load) continue
      const weight = group.weight * group.ties
      total += weight
      group.sum += weight
      if (best === undefined || group.sum > best.sum) best = group
    }
    if (best === undefined) return undefined
    best.sum -= total
    return best.take()
  }
}
