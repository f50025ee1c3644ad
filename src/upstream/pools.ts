import type { ServerState } from '../balancing/server-state.ts'
import type { KeepAlive } from '../runtime/snapshot.ts'
import { ServerLinks } from './server-links.ts'

/** The connections to each server of an upstream. */
export class Pools {
  readonly #links = new Map<ServerState, ServerLinks>()

  /** Those to a server; to one that was removed, none is kept. */
  to(server: ServerState, settings: KeepAlive): ServerLinks {
    return this.#links.get(server) ?? this.#add(server, settings)
  }

  #add(server: ServerState, settings: KeepAlive): ServerLinks {
    const links = new ServerLinks(server.settings.address, settings)
    if (server.isRemoved) links.close()
    else this.#links.set(server, links)
    return links
  }

  /** Takes in other settings; closes the connections to servers that are not among these, or have moved. */
  apply(settings: KeepAlive, servers: ReadonlySet<ServerState>): void {
    for (const [server, links] of this.#links) {
      links.apply(settings)
      if (servers.has(server) && links.address === server.settings.address) continue
      links.close()
      this.#links.delete(server)
    }
  }

  close(): void {
    for (const links of this.#links.values()) links.close()
    this.#links.clear()
  }
}
