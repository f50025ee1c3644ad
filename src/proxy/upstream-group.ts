import type { Policy } from '../balancing/policy.ts'
import { policyFor } from '../balancing/registry.ts'
import { ServerState } from '../balancing/server-state.ts'
import type { Scoreboard } from '../scoreboard.ts'
import type { Upstream } from '../snapshot.ts'
import type { Deadlines } from './deadlines.ts'
import { Pool } from './pool.ts'
import { UpstreamConnection } from './upstream-connection.ts'

/** A connection that rested for longer may be half closed already, as far as anyone can know, in ms. */
const FRESH = 1000

/** An upstream at work: its policy, its servers, and the connections to them that this worker keeps. */
export class UpstreamGroup {
  readonly settings: Upstream
  readonly policy: Policy
  readonly #pools = new Map<ServerState, Pool>()
  readonly #deadlines: Deadlines

  constructor(settings: Upstream, scoreboard: Scoreboard, worker: number, deadlines: Deadlines) {
    this.settings = settings
    this.#deadlines = deadlines
    const alone = settings.servers.length === 1
    const servers = settings.servers.map((server) => new ServerState(server, settings.slot, alone, scoreboard, worker))
    for (const server of servers) this.#pools.set(server, new Pool(settings.keepAlive))
    this.policy = policyFor(settings.balance, servers, settings.slot, scoreboard)
  }

  /**
   * A connection to that server: an idle one, or a new one that may not be connected yet.
   *
   * @param delicate whether the request could not be sent again if the connection turned out to be closed: then only a
   *   connection that was in use a moment ago will do
   */
  connectionTo(server: ServerState, delicate: boolean): UpstreamConnection {
    const pool = this.#pools.get(server)!
    const idle = delicate && this.#deadlines.now - pool.freshest > FRESH ? undefined : pool.take()
    return idle ?? this.newConnectionTo(server)
  }

  newConnectionTo(server: ServerState): UpstreamConnection {
    const connection = new UpstreamConnection(server, this.#pools.get(server)!, this.#deadlines)
    connection.wait(this.settings.timeouts.connect)
    return connection
  }

  closeIdle(): void {
    for (const pool of this.#pools.values()) pool.closeAll()
  }
}
