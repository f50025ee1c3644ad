import type { IpAddress } from '../runtime/ip-address.ts'
import { Pools } from './pools.ts'

/**
 * The idle connections to servers that were opened for one client, whom their PROXY header names: to the server they are
 * that client's. So they only serve later requests of that client, on the same connection from it. Where a request of
 * another client arrives on that, through a proxy that both use, they are closed.
 */
export class PrivatePools extends Pools {
  #client = ''

  /** Those of that client. */
  of(client: IpAddress): this {
    if (client.text !== this.#client) this.close()
    this.#client = client.text
    return this
  }
}
