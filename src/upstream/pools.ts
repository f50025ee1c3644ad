import type { ServerState } from '../balancing/server-state.ts'
import type { KeepAlive } from '../runtime/snapshot.ts'
import { Pool } from './pool.ts'
import type { ServerConnection } from './server-connection.ts'

/** A pool for each server of an upstream. */
export class Pools {
  readonly #pools = new Map<ServerState, Pool<ServerConnection>>()

  /** The one for where the server is now; a server that was removed has one that keeps nothing. */
  to(server: ServerState, settings: KeepAlive): Pool<ServerConnection> {
    const { address } = server.settings
    const pool = this.#pools.get(server)
    if (pool?.address === address) return pool
    pool?.close()
    const next = new Pool<ServerConnection>(address, settings)
    if (server.isRemoved) next.close()
    else this.#pools.set(server, next)
    return next
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
