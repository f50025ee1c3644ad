import { ClientConnections } from './scoreboard/client-connections.ts'
import { Departures } from './scoreboard/departures.ts'
import { copyOf, newMemory, regionsOf } from './scoreboard/layout.ts'
import { NewUsers } from './scoreboard/new-users.ts'
import { ServerCounters } from './scoreboard/server-counters.ts'
import { UpstreamTurns } from './scoreboard/upstream-turns.ts'
import { WaitingLines } from './scoreboard/waiting-lines.ts'

/**
 * The live counters that all threads share, on one SharedArrayBuffer (scoreboard/layout.ts), seen through one view for each
 * thing that is counted. Servers and upstreams have a slot each, which outlives any Snapshot; workers have one for as long
 * as they live.
 */
export class Scoreboard {
  /** Give this to another thread, and make a Scoreboard of it there. Pages that were never touched take no memory. */
  readonly memory: SharedArrayBuffer
  readonly servers: ServerCounters
  readonly upstreams: UpstreamTurns
  readonly queues: WaitingLines
  readonly clients: ClientConnections
  readonly newUsers: NewUsers
  readonly departures: Departures

  /** @param memory another thread's; left out: a new one */
  constructor(memory: SharedArrayBuffer = newMemory()) {
    const regions = regionsOf(memory)
    this.memory = memory
    this.servers = new ServerCounters(regions)
    this.queues = new WaitingLines(regions)
    this.upstreams = new UpstreamTurns(regions, this.queues)
    this.clients = new ClientConnections(regions)
    this.newUsers = new NewUsers(regions)
    this.departures = new Departures(regions)
  }

  /** Another Scoreboard that has what is counted and known here by now, to try things on: some 2.6 MB are copied. */
  copy(): Scoreboard {
    return new Scoreboard(copyOf(this.memory))
  }

  /** Whether a request is in flight on a server, or waits for it. */
  isServerInUse(server: number): boolean {
    return this.servers.inFlight(server) !== 0 || this.queues.waitingFor(server) !== 0
  }

  /**
   * Forgets a server that nothing refers to any more, so that another may have its slot. A thread that once had a request
   * waiting for a place there still listens: it is notified now, since it would take a notification from the next owner.
   */
  freeServer(server: number, upstream: number): void {
    this.servers.zero(server)
    this.departures.stop(server)
    this.queues.wakeLine(upstream, server)
  }

  /** The same of an upstream. */
  freeUpstream(upstream: number): void {
    this.upstreams.zero(upstream)
    this.queues.wakeLine(upstream, undefined)
  }

  /** Takes back everything that a dead worker still held. */
  forget(worker: number): void {
    this.servers.forget(worker)
    this.clients.forget(worker)
    this.queues.forget(worker)
    // Its exchanges, and any place that it was notified of and did not take, leave places free.
    this.upstreams.wakeAll()
  }
}
