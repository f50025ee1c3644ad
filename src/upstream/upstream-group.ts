import type { Affinity, Session } from '../affinity/affinity.ts'
import { affinityFor } from '../affinity/registry.ts'
import { keyFor } from '../balancing/key.ts'
import type { Policy } from '../balancing/policy.ts'
import { policyFor } from '../balancing/registry.ts'
import { ServerState } from '../balancing/server-state.ts'
import type { ClientConnection } from '../downstream/client-connection.ts'
import { Placement } from '../exchange/placement.ts'
import { Queue } from '../exchange/queue.ts'
import type { RequestView } from '../exchange/request-view.ts'
import { encodeProxyHeader, localHeader } from '../proxy-protocol/proxy-header.ts'
import { wallSeconds } from '../runtime/clock.ts'
import type { Deadlines } from '../runtime/deadlines.ts'
import { type IpAddress, isAddress } from '../runtime/ip-address.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Balance, ProxyProtocolVersion, Server, Upstream } from '../runtime/snapshot.ts'
import { AddressSample } from '../skew/address-sample.ts'
import { Pool } from './pool.ts'
import { UpstreamConnection } from './upstream-connection.ts'

/** How keys of sessions are hashed, where the affinity leaves some or all of them to a hash. */
function hashOf({ affinity }: Upstream): Balance | undefined {
  if (affinity === undefined || affinity.type === 'cookie') return undefined
  // It makes its keys itself.
  if (affinity.type === 'learn') return { type: 'consistent-hash', key: { from: 'uri' } }
  return affinity
}

/** An upstream at work: its affinity, its policy, its servers, and the connections to them that this worker keeps. */
export class UpstreamGroup {
  readonly settings: Upstream
  readonly affinity: Affinity | undefined
  readonly sessions: SessionTable
  readonly servers: readonly ServerState[]
  readonly policy: Policy
  readonly queue: Queue
  /** So many bad answers in a row of a server, and each multiple of that, are told of; Infinity for never. */
  readonly badInRowLimit: number
  /** Who sends the most requests, where servers are picked by address. */
  readonly sample: AddressSample | undefined
  /** Where sessions belong by their keys. */
  readonly #sessionPolicy: Policy | undefined
  readonly #states = new Map<Server, ServerState>()
  readonly #pools = new Map<ServerState, Pool>()
  readonly #deadlines: Deadlines

  constructor(
    settings: Upstream,
    scoreboard: Scoreboard,
    sessions: SessionTable,
    worker: number,
    deadlines: Deadlines,
  ) {
    this.settings = settings
    this.sessions = sessions
    this.#deadlines = deadlines
    this.badInRowLimit = settings.health?.outlier?.consecutive5xx || Infinity
    const { slot, balance } = settings
    const alone = settings.servers.length === 1
    const servers = settings.servers.map((server) => new ServerState(server, slot, alone, scoreboard, worker))
    this.servers = servers
    this.queue = new Queue(settings, servers, scoreboard, worker, deadlines)
    for (const server of servers) {
      this.#states.set(server.settings, server)
      this.#pools.set(server, new Pool(settings.keepAlive))
    }
    this.policy = policyFor(balance, servers, slot, scoreboard)
    this.sample = settings.skew && new AddressSample(slot)
    const hash = hashOf(settings)
    this.#sessionPolicy = hash && policyFor(hash, servers, slot, scoreboard)
    this.affinity = affinityFor(settings, sessions, (request) => keyFor(hash!, request as RequestView))
  }

  /** Where a request goes: by its session, if it has one, and else by the policy. */
  place(request: RequestView): Placement {
    const session = this.affinity?.read(request, wallSeconds())
    const expectsBody = this.affinity?.expectsBody?.(request) === true
    const key = session?.key ?? keyFor(this.settings.balance, request)
    if (this.sample?.isDue()) {
      this.sample.add(request.address, this.policyOf(session).home?.(key)?.settings.slot ?? -1)
    }
    return new Placement(this, session, key, request.path, expectsBody)
  }

  /** The policy for a session that goes by its key, or for everyone else. */
  policyOf(session: Session | undefined): Policy {
    return session?.key === undefined ? this.policy : this.#sessionPolicy!
  }

  stateOf(server: Server): ServerState {
    return this.#states.get(server)!
  }

  /**
   * A connection to that server: an idle one, or a new one that may not be connected yet.
   *
   * @param client on whose behalf; the address is the client's own, where its connection is a proxy's
   * @param delicate whether the request could not be sent again if the connection turned out to be closed
   */
  connectionTo(
    server: ServerState,
    client: ClientConnection,
    address: IpAddress,
    delicate: boolean,
  ): UpstreamConnection {
    const pool = this.#poolTo(server, client, address)
    const idle = delicate ? pool.takeProven(this.#deadlines.now) : pool.take()
    return idle ?? this.newConnectionTo(server, client, address)
  }

  newConnectionTo(server: ServerState, client: ClientConnection, address: IpAddress): UpstreamConnection {
    const connection = new UpstreamConnection(server, this.#poolTo(server, client, address), this.#deadlines)
    const { proxyProtocol } = this.settings
    if (proxyProtocol !== undefined) connection.introduction = introductionOf(client, address, proxyProtocol)
    connection.wait(this.settings.timeouts.connect)
    return connection
  }

  #poolTo(server: ServerState, client: ClientConnection, address: IpAddress): Pool {
    const { proxyProtocol, keepAlive } = this.settings
    if (proxyProtocol === undefined) return this.#pools.get(server)!
    return client.privatePools.poolTo(server, address, keepAlive)
  }

  closeIdle(): void {
    for (const pool of this.#pools.values()) pool.closeAll()
  }
}

/** The PROXY header for a connection on behalf of a client. */
function introductionOf({ ends }: ClientConnection, address: IpAddress, version: ProxyProtocolVersion): Buffer {
  const { source, destination } = ends
  // By a forwarding header a proxy tells of no port.
  const end = address.text === source.address.text ? source : { address, port: 0 }
  if (!isAddress(end.address) || !isAddress(destination.address)) return localHeader(version)
  return encodeProxyHeader(version, end, destination)
}
