import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Server } from '../runtime/snapshot.ts'
import { ServerState } from './server-state.ts'

/** The servers of an upstream as a worker sees them. Each is the same object for as long as its id is in the list. */
export class ServerList {
  readonly #upstream: number
  readonly #scoreboard: Scoreboard
  readonly #worker: number
  #all: readonly ServerState[] = []
  #bySlot: ReadonlyMap<number, ServerState> = new Map()

  /** Empty at first. */
  constructor(upstream: number, scoreboard: Scoreboard, worker: number) {
    this.#upstream = upstream
    this.#scoreboard = scoreboard
    this.#worker = worker
  }

  /** In the order of the upstream. */
  get all(): readonly ServerState[] {
    return this.#all
  }

  /** The server in that slot of the Scoreboard; undefined if it is not in this list. */
  in(slot: number): ServerState | undefined {
    return this.#bySlot.get(slot)
  }

  /** Takes over another list. Servers are matched by id, since a slot may belong to another server by now. */
  apply(servers: readonly Server[]): void {
    const alone = servers.length === 1
    const before = this.#bySlot
    this.#all = servers.map((server) => {
      const known = before.get(server.slot)
      if (known?.settings.id !== server.id)
        return new ServerState(server, this.#upstream, alone, this.#scoreboard, this.#worker)
      known.apply(server, alone)
      return known
    })
    this.#bySlot = new Map(this.#all.map((server) => [server.settings.slot, server]))
    for (const [slot, server] of before) if (this.#bySlot.get(slot) !== server) server.remove()
  }
}
