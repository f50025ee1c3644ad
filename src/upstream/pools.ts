import { isDeepStrictEqual } from 'node:util'
import type { ServerState } from '../balancing/server-state.ts'
import type { KeepAlive } from '../runtime/snapshot.ts'
import { ServerLinks } from './server-links.ts'

/** The connections to each server of an upstream. */
export class Pools {
  readonly #links = new Map<ServerState, ServerLinks>()

  /** Those to a server; to one that is about to end, or was removed, none is kept idle. */
  to(server: ServerState, settings: KeepAlive): ServerLinks {
    return this.#links.get(server) ?? this.#add(server, settings)
  }

  #add(server: ServerState, settings: KeepAlive): ServerLinks {
    const links = new ServerLinks(server.settings.endpoint, settings)
    if (!server.keepsConnections) links.close()
    if (!server.isRemoved) this.#links.set(server, links)
    return links
  }

  /** Takes in other settings; closes the connections to servers that are not among these, have moved, or are about to end. */
  apply(settings: KeepAlive, servers: ReadonlySet<ServerState>): void {
    for (const [server, links] of this.#links) {
      links.apply(settings)
      const isCurrent = servers.has(server) && isDeepStrictEqual(links.endpoint, server.settings.endpoint)
      if (isCurrent && links.isClosed !== server.keepsConnections) continue
      links.close()
      this.#links.delete(server)
    }
  }

  close(): void {
    for (const links of this.#links.values()) links.close()
    this.#links.clear()
  }
}
