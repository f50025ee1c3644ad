import { primariesOf, type ServerState } from './server-state.ts'
import { Shares } from './shares.ts'

/** The servers of an upstream, without its backups, side by side on a line, each as long as its weight. */
export class ServerShares {
  readonly servers: readonly ServerState[]
  readonly #shares: Shares

  constructor(all: readonly ServerState[]) {
    this.servers = primariesOf(all)
    this.#shares = new Shares(this.servers.map((server) => server.settings.weight))
  }

  /** The server for a hash: the hash modulo the length of the line is a place on it. */
  serverAt(hash: number): ServerState {
    return this.servers[this.#shares.at(hash % this.#shares.total)]!
  }
}
