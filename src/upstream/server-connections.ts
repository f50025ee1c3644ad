import type { ServerState } from '../balancing/server-state.ts'
import type { ConnectionNeed, ServerStream, ServerStreams, ServerStreamUser } from '../exchange/server-stream.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { ClientOrigin, Lifetime } from '../forwarding/client-origin.ts'
import { encodeProxyHeader, localHeader } from '../proxy-protocol/proxy-header.ts'
import { isAddress } from '../runtime/ip-address.ts'
import { ServerTls } from '../runtime/server-tls.ts'
import type { ProxyProtocolVersion, Upstream } from '../runtime/snapshot.ts'
import { Http1Stream } from './http1-stream.ts'
import type { Pool } from './pool.ts'
import { Pools } from './pools.ts'
import { PrivatePools } from './private-pools.ts'
import { SecureSockets } from './secure-sockets.ts'
import { ServerConnection } from './server-connection.ts'
import { connectPlainly } from './server-socket.ts'

/** A worker's connections to the servers of one upstream. */
export class ServerConnections implements ServerStreams {
  readonly #context: WorkerContext
  #settings: Upstream
  /** Undefined without TLS. */
  #secure: SecureSockets | undefined
  readonly #shared = new Pools()
  /** Of clients for whom connections were opened that name them in a PROXY header. */
  readonly #private = new Map<Lifetime, PrivatePools>()

  constructor(settings: Upstream, context: WorkerContext) {
    this.#settings = settings
    this.#secure = secureSocketsOf(settings)
    this.#context = context
  }

  open(server: ServerState, origin: ClientOrigin, need: ConnectionNeed, user: ServerStreamUser): ServerStream {
    const pool = this.#poolsFor(origin).to(server, this.#settings.keepAlive)
    return new Http1Stream(this.#idleIn(pool, need) ?? this.#connect(server, origin, pool), user, this.#context)
  }

  #idleIn(pool: Pool<ServerConnection>, need: ConnectionNeed): ServerConnection | undefined {
    if (need === 'new') return undefined
    return need === 'proven' ? pool.takeProven(this.#context.deadlines.now) : pool.take()
  }

  #connect(server: ServerState, origin: ClientOrigin, pool: Pool<ServerConnection>): ServerConnection {
    const { proxyProtocol } = this.#settings
    const introduction = proxyProtocol && introductionOf(origin, proxyProtocol)
    const socket = this.#secure?.connect(server, introduction, 'http1') ?? connectPlainly(server.settings.endpoint)
    const connection = new ServerConnection(socket, pool, this.#context.deadlines)
    if (this.#secure === undefined) connection.introduction = introduction
    return connection
  }

  #poolsFor({ connection, address }: ClientOrigin): Pools {
    if (this.#settings.proxyProtocol === undefined) return this.#shared
    const pools = this.#private.get(connection) ?? this.#privatePoolsOf(connection)
    return pools.of(address)
  }

  #privatePoolsOf(client: Lifetime): PrivatePools {
    const pools = new PrivatePools()
    this.#private.set(client, pools)
    client.atEnd(() => {
      pools.close()
      this.#private.delete(client)
    })
    return pools
  }

  apply(settings: Upstream, servers: readonly ServerState[]): void {
    const { keepAlive, proxyProtocol, tls, protocol } = settings
    const isSecuredAlike = tls === this.#settings.tls && protocol === this.#settings.protocol
    const beginsAlike = isSecuredAlike && proxyProtocol === this.#settings.proxyProtocol
    this.#settings = settings
    if (!isSecuredAlike) this.#secure = secureSocketsOf(settings)
    // A connection that began otherwise serves no later request.
    const remaining = new Set(beginsAlike ? servers : [])
    this.#shared.apply(keepAlive, remaining)
    for (const pools of this.#private.values()) pools.apply(keepAlive, remaining)
  }

  close(): void {
    this.#shared.close()
    for (const pools of this.#private.values()) pools.close()
  }
}

function secureSocketsOf({ tls }: Upstream): SecureSockets | undefined {
  return tls && new SecureSockets(new ServerTls(tls))
}

/** The PROXY header for a connection on behalf of a client. */
function introductionOf({ ends, address }: ClientOrigin, version: ProxyProtocolVersion): Buffer {
  const { source, destination } = ends
  // A forwarding header names no port.
  const end = address.text === source.address.text ? source : { address, port: 0 }
  if (!isAddress(end.address) || !isAddress(destination.address)) return localHeader(version)
  return encodeProxyHeader(version, end, destination)
}
