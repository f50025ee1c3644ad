import type { ServerState } from '../balancing/server-state.ts'
import type { KeepAlive } from '../runtime/snapshot.ts'
import { Pool } from './pool.ts'
import type { ServerConnection } from './server-connection.ts'

/** A pool for each server of an upstream. */
export class Pools {
  readonly #pools = new Map<ServerState, Pool<ServerConnection>>()

  /** The pool to a server; one that was removed has a pool that keeps nothing. */
  to(server: ServerState, settings: KeepAlive): Pool<ServerConnection> {
    return this.#pools.get(server) ?? this.#add(server, settings)
  }

  #add(server: ServerState, settings: KeepAlive): Pool<ServerConnection> {
    const pool = new Pool<ServerConnection>(server.settings.address, settings)
    if (server.isRemoved) pool.close()
    else this.#pools.set(server, pool)
    return pool
  }

  /** Takes in other settings; closes the pools for servers that are not among these, or have moved. */
  apply(settings: KeepAlive, servers: ReadonlySet<ServerState>): void {
    for (const [server, pool] of this.#pools) {
      pool.apply(settings)
      if (servers.has(server) && pool.address === server.settings.address) continue
      pool.close()
      this.#pools.delete(server)
    }
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close()
    this.#pools.clear()
  }
}
