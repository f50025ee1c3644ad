import type { ServerState } from '../balancing/server-state.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { KeepAlive } from '../runtime/snapshot.ts'
import { type Pool, poolTo } from './pool.ts'
import type { ServerConnection } from './server-connection.ts'

/**
 * The idle connections to servers that were opened for one client, whom their PROXY header names: to the server they are
 * that client's. So they only serve later requests of that client, on the same connection from it. Where a request of
 * another client arrives on that, through a proxy that both use, they are closed.
 */
export class PrivatePools {
  readonly #pools = new Map<ServerState, Pool<ServerConnection>>()
  #client = ''

  poolTo(server: ServerState, client: IpAddress, settings: KeepAlive): Pool<ServerConnection> {
    if (client.text !== this.#client) this.closeAll()
    this.#client = client.text
    return poolTo(server, this.#pools, settings)
  }

  closeAll(): void {
    for (const pool of this.#pools.values()) pool.close()
    this.#pools.clear()
  }
}
