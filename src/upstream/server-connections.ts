import { isDeepStrictEqual } from 'node:util'
import type { ServerState } from '../balancing/server-state.ts'
import type { ConnectionNeed, ServerStream, ServerStreams, ServerStreamUser } from '../exchange/server-stream.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { ClientOrigin, Lifetime } from '../forwarding/client-origin.ts'
import { encodeProxyHeader, localHeader } from '../proxy-protocol/proxy-header.ts'
import { isAddress } from '../runtime/ip-address.ts'
import { ServerTls } from '../runtime/server-tls.ts'
import type { ProxyProtocolVersion, ServerProtocol, Upstream } from '../runtime/snapshot.ts'
import type { Dialler } from './dialler.ts'
import { Http1Connection } from './http1-connection.ts'
import { Http1Stream } from './http1-stream.ts'
import { Http2Connection } from './http2-connection.ts'
import type { Http2Pool } from './http2-pool.ts'
import { Http2Stream } from './http2-stream.ts'
import type { Pool } from './pool.ts'
import { Pools } from './pools.ts'
import { PrivatePools } from './private-pools.ts'
import { SecureSockets } from './secure-sockets.ts'
import type { ServerLinks } from './server-links.ts'
import { connectPlainly, type ServerSocket } from './server-socket.ts'

interface Dialled {
  readonly introduction: Buffer | undefined
  readonly socket: ServerSocket
}

/** A worker's connections to the servers of one upstream. */
export class ServerConnections implements ServerStreams, Dialler {
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

  open(
    server: ServerState,
    origin: ClientOrigin,
    isUpgrade: boolean,
    need: ConnectionNeed,
    user: ServerStreamUser,
  ): ServerStream {
    const pool = this.#linksTo(server, origin).http2
    if (!this.#maySpeakHttp2 || this.#speaksHttp1(pool, isUpgrade)) return this.openHttp1(server, origin, need, user)
    const stream = new Http2Stream(this, server, origin, pool, isUpgrade, need, user, this.#context)
    pool.place(stream)
    return stream
  }

  /** What is spoken without TLS is known before. */
  get #maySpeakHttp2(): boolean {
    const { protocol } = this.#settings
    return protocol === 'h2c' || (protocol !== undefined && this.#secure !== undefined)
  }

  get mayUseHttp1(): boolean {
    return this.#settings.protocol === 'auto'
  }

  #speaksHttp1(pool: Http2Pool, isUpgrade: boolean): boolean {
    return this.mayUseHttp1 && (pool.speaksHttp1 || (isUpgrade && pool.takesConnect === false))
  }

  openHttp1(
    server: ServerState,
    origin: ClientOrigin,
    need: ConnectionNeed,
    user: ServerStreamUser,
    socket?: ServerSocket,
  ): ServerStream {
    const pool = this.#linksTo(server, origin).http1
    const connection = socket && new Http1Connection(socket, pool, this.#context.deadlines, true)
    return new Http1Stream(
      connection ?? this.#idleIn(pool, need, server) ?? this.#connectHttp1(server, origin, pool),
      user,
      this.#context,
      server.settings.returns,
    )
  }

  #idleIn(pool: Pool<Http1Connection>, need: ConnectionNeed, server: ServerState): Http1Connection | undefined {
    if (need === 'new') return undefined
    if (need === 'any') return pool.take()
    // One that comes and goes may have ended just now.
    return pool.takeProven(this.#context.deadlines.now, server.settings.returns)
  }

  #connectHttp1(server: ServerState, origin: ClientOrigin, pool: Pool<Http1Connection>): Http1Connection {
    const { introduction, socket } = this.#dial(server, origin, 'http1')
    const connection = new Http1Connection(socket, pool, this.#context.deadlines)
    connection.introduction = introduction
    return connection
  }

  connectHttp2(server: ServerState, origin: ClientOrigin, pool: Http2Pool): Http2Connection {
    const protocol = this.#settings.protocol!
    const { introduction, socket } = this.#dial(server, origin, protocol)
    return new Http2Connection(socket, introduction, protocol, pool, this.#context)
  }

  /** Returns the PROXY header, too, if it is still to be sent before anything else. */
  #dial(server: ServerState, origin: ClientOrigin, protocol: ServerProtocol | 'http1'): Dialled {
    const { proxyProtocol } = this.#settings
    const introduction = proxyProtocol && introductionOf(origin, proxyProtocol)
    if (this.#secure === undefined) return { introduction, socket: connectPlainly(server.settings.endpoint) }
    return { introduction: undefined, socket: this.#secure.connect(server, introduction, protocol) }
  }

  #linksTo(server: ServerState, origin: ClientOrigin): ServerLinks {
    return this.#poolsFor(origin).to(server, this.#settings.keepAlive)
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
    const isSecuredAlike = isDeepStrictEqual(tls, this.#settings.tls) && protocol === this.#settings.protocol
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
