import { Failure } from '../exchange/failure.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { UNIX_ADDRESS } from '../runtime/ip-address.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import { openFileLimit } from '../runtime/shortage.ts'
import { type Ends, endsOf } from '../transport/ends.ts'
import { Arrival, type ArrivalOwner } from './arrival.ts'
import type { ClientSocket } from './client-socket.ts'
import type { Connection, ConnectionOwner } from './connection.ts'
import type { Entrance } from './entrance.ts'
import { FirstBytes, type FirstBytesOwner } from './first-bytes.ts'
import { Http1Connection } from './http1-connection.ts'
import { Http2Connection } from './http2-connection.ts'
import type { NewConnection } from './new-connection.ts'
import { Handshake, type HandshakeOwner } from './tls/handshake.ts'
import { TlsOffers } from './tls/tls-offers.ts'

/** Of what there are too many connections, and by which setting. */
const IN_ALL = 'in all (limits.connections)'
const FROM_ADDRESS = 'from this address (limits.connectionsPerAddress)'

/** A connection that serves its client, or one of which something must be known first. */
type Accepted = Connection | NewConnection

/** The client connections of a worker, up to the limits. */
export class Clients implements ArrivalOwner, HandshakeOwner, FirstBytesOwner, ConnectionOwner {
  readonly tls: TlsOffers
  readonly #context: WorkerContext
  readonly #scoreboard: Scoreboard
  readonly #worker: number
  readonly #connections = new Set<Accepted>()
  /** File descriptors from this one on are reserved for connections to servers. */
  readonly #fullFrom = fullFrom(openFileLimit())
  #whenGone: (() => void) | undefined

  /** @param worker its slot on the Scoreboard */
  constructor(context: WorkerContext, scoreboard: Scoreboard, worker: number) {
    this.tls = new TlsOffers(context)
    this.#context = context
    this.#scoreboard = scoreboard
    this.#worker = worker
  }

  // ── what a connection comes to, step by step ───────────────────────────────────────────────────────────────────

  /** Serves a client that has just connected, or turns it away if there are too many. */
  accept(socket: ClientSocket, entrance: Entrance): void {
    const { listener } = entrance
    this.#context.connections.accepted()
    if ((socket.descriptor ?? 0) >= this.#fullFrom) {
      this.#context.notices.shortage('EMFILE')
      this.#turnAway(socket, entrance, 'for its open files')
    } else if (!listener.proxyProtocol) this.#begin(socket, entrance, endsOf(socket, listener))
    else if (this.#hasRoom) this.#enter(new Arrival(socket, entrance, this.#context, this))
    else this.#turnAway(socket, entrance, IN_ALL)
  }

  introduced(arrival: Arrival, ends: Ends, rest: Buffer): void {
    this.#exit(arrival)
    this.#begin(arrival.socket, arrival.entrance, ends, rest)
  }

  secured(handshake: Handshake, socket: ClientSocket, ends: Ends): void {
    this.#exit(handshake)
    this.#context.connections.secured(ends.tls?.isResumed === true)
    this.#enter(this.#connection(socket, handshake.entrance, ends, ends.tls?.protocol === 'h2'))
  }

  unencrypted(handshake: Handshake, bytes: Buffer): void {
    this.#exit(handshake)
    const client = new Http1Connection(handshake.socket, handshake.entrance, handshake.ends, this.#context, this)
    this.#enter(client)
    client.refuse(bytes, new Failure('not-encrypted'))
  }

  chosen(first: FirstBytes, isHttp2: boolean, bytes: Buffer): void {
    this.#exit(first)
    const client = this.#connection(first.socket, first.entrance, first.ends, isHttp2)
    this.#enter(client)
    this.#limit(client)
    client.whenRead(bytes)
  }

  /**
   * Begins with what the client sends first.
   *
   * @param bytes what it has sent so far
   */
  #begin(socket: ClientSocket, entrance: Entrance, ends: Ends, bytes?: Buffer): void {
    const client = this.#first(socket, entrance, ends)
    this.#enter(client)
    if (!(client instanceof FirstBytes)) this.#limit(client)
    if (bytes !== undefined && bytes.length > 0) client.whenRead(bytes)
  }

  #first(socket: ClientSocket, entrance: Entrance, ends: Ends): Connection | Handshake | FirstBytes {
    const { tls, h2c } = entrance.listener
    if (tls !== undefined) return new Handshake(socket, entrance, ends, tls, this.tls, this.#context, this)
    if (h2c) return new FirstBytes(socket, entrance, ends, this.#context, this)
    return this.#connection(socket, entrance, ends, false)
  }

  #connection(socket: ClientSocket, entrance: Entrance, ends: Ends, isHttp2: boolean): Connection {
    const Kind = isHttp2 ? Http2Connection : Http1Connection
    return new Kind(socket, entrance, ends, this.#context, this)
  }

  // ── the limits ─────────────────────────────────────────────────────────────────────────────────────────────────

  get #hasRoom(): boolean {
    const { connections } = this.#context.generation.snapshot.limits
    return connections === 0 || this.#scoreboard.clients.connections() < connections
  }

  /** Turns a client away for which nothing of its own is known yet. */
  #turnAway(socket: ClientSocket, entrance: Entrance, detail: string): void {
    const { listener } = entrance
    const ends = endsOf(socket, listener)
    const client =
      listener.tls === undefined
        ? this.#connection(socket, entrance, ends, false)
        : new Handshake(socket, entrance, ends, listener.tls, this.tls, this.#context, this)
    this.#enter(client)
    client.turnAway(new Failure('too-many-connections', detail))
  }

  /** Turns a client away that is one too many. */
  #limit(client: Connection | Handshake): void {
    const { connections, connectionsPerAddress } = this.#context.generation.snapshot.limits
    if (connections > 0 && this.#scoreboard.clients.connections() > connections) {
      client.turnAway(new Failure('too-many-connections', IN_ALL))
    } else if (client.isTrusted || client.peer === UNIX_ADDRESS) {
      // A proxy has as many connections as its clients need, and a Unix socket is no address.
      return
    } else if (
      connectionsPerAddress > 0 &&
      this.#scoreboard.clients.connectionsFrom(client.peer.octets) > connectionsPerAddress
    ) {
      client.turnAway(new Failure('too-many-connections', FROM_ADDRESS))
    }
  }

  // ── who is there ───────────────────────────────────────────────────────────────────────────────────────────────

  closed(connection: Accepted): void {
    this.#exit(connection)
    if (this.#connections.size === 0) this.#whenGone?.()
  }

  #enter(connection: Accepted): void {
    this.#connections.add(connection)
    this.#scoreboard.clients.countConnection(this.#worker, connection.peer.octets, 1)
  }

  #exit(connection: Accepted): void {
    this.#connections.delete(connection)
    this.#scoreboard.clients.countConnection(this.#worker, connection.peer.octets, -1)
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Lets exchanges in flight finish and closes everything else; then calls back. */
  stop(whenGone: () => void): void {
    for (const connection of this.#connections) connection.stop()
    this.#end(whenGone)
  }

  /** Calls back once all connections have ended by themselves. */
  drain(whenGone: () => void): void {
    for (const connection of this.#connections) connection.drain()
    this.#end(whenGone)
  }

  #end(whenGone: () => void): void {
    if (this.#connections.size === 0) whenGone()
    else this.#whenGone = whenGone
  }
}

/** Part of the file descriptors is reserved for servers, since accepted clients could not be served without those. */
function fullFrom(limit: number): number {
  return limit - Math.min(256, Math.max(8, Math.floor(limit / 8)))
}
