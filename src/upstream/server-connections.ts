import type { ServerState } from '../balancing/server-state.ts'
import type { ConnectionNeed, ServerStream, ServerStreams, ServerStreamUser } from '../exchange/server-stream.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { ClientOrigin, Lifetime } from '../forwarding/client-origin.ts'
import { encodeProxyHeader, localHeader } from '../proxy-protocol/proxy-header.ts'
import { isAddress } from '../runtime/ip-address.ts'
import type { ProxyProtocolVersion, Upstream } from '../runtime/snapshot.ts'
import { Http1Stream } from './http1-stream.ts'
import { type Pool, poolTo } from './pool.ts'
import { PrivatePools } from './private-pools.ts'
import { ServerConnection } from './server-connection.ts'

/** The connections of a worker to the servers of one upstream. */
export class ServerConnections implements ServerStreams {
  readonly #context: WorkerContext
  #settings: Upstream
  readonly #pools = new Map<ServerState, Pool<ServerConnection>>()
  /** Of clients for whom connections were opened that name them in a PROXY header. */
  readonly #privatePools = new WeakMap<Lifetime, PrivatePools>()

  constructor(settings: Upstream, context: WorkerContext) {
    this.#settings = settings
    this.#context = context
  }

  open(server: ServerState, origin: ClientOrigin, need: ConnectionNeed, user: ServerStreamUser): ServerStream {
    const pool = this.#poolTo(server, origin)
    return new Http1Stream(this.#idleIn(pool, need) ?? this.#connect(server, origin, pool), user, this.#context)
  }

  #idleIn(pool: Pool<ServerConnection>, need: ConnectionNeed): ServerConnection | undefined {
    if (need === 'new') return undefined
    return need === 'proven' ? pool.takeProven(this.#context.deadlines.now) : pool.take()
  }

  #connect(server: ServerState, origin: ClientOrigin, pool: Pool<ServerConnection>): ServerConnection {
    const connection = new ServerConnection(server, pool, this.#context.deadlines)
    const { proxyProtocol } = this.#settings
    if (proxyProtocol !== undefined) connection.introduction = introductionOf(origin, proxyProtocol)
    return connection
  }

  #poolTo(server: ServerState, origin: ClientOrigin): Pool<ServerConnection> {
    const { proxyProtocol, keepAlive } = this.#settings
    if (proxyProtocol !== undefined)
      return this.#privatePoolsOf(origin.connection).poolTo(server, origin.address, keepAlive)
    return poolTo(server, this.#pools, keepAlive)
  }

  #privatePoolsOf(client: Lifetime): PrivatePools {
    let pools = this.#privatePools.get(client)
    if (pools === undefined) {
      pools = new PrivatePools()
      this.#privatePools.set(client, pools)
      client.atEnd(() => pools!.closeAll())
    }
    return pools
  }

  apply(settings: Upstream, servers: readonly ServerState[]): void {
    const { keepAlive, proxyProtocol } = settings
    const isIntroduced = proxyProtocol !== this.#settings.proxyProtocol
    this.#settings = settings
    const remaining = new Set(servers)
    for (const [server, pool] of this.#pools) {
      pool.apply(keepAlive)
      if (!isIntroduced && remaining.has(server) && pool.address === server.settings.address) continue
      pool.close()
      this.#pools.delete(server)
    }
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close()
  }
}

/** The PROXY header for a connection on behalf of a client. */
function introductionOf({ ends, address }: ClientOrigin, version: ProxyProtocolVersion): Buffer {
  const { source, destination } = ends
  // A forwarding header names no port.
  const end = address.text === source.address.text ? source : { address, port: 0 }
  if (!isAddress(end.address) || !isAddress(destination.address)) return localHeader(version)
  return encodeProxyHeader(version, end, destination)
}
