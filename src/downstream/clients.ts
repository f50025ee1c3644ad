import { Failure } from '../exchange/failure.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { UNIX_ADDRESS } from '../runtime/ip-address.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import { openFileLimit } from '../runtime/shortage.ts'
import { type Ends, endsOf } from '../transport/ends.ts'
import { Arrival, type ArrivalOwner } from './arrival.ts'
import { ClientConnection } from './client-connection.ts'
import type { ClientSocket } from './client-socket.ts'
import type { Connection, ConnectionOwner } from './connection.ts'
import type { Entrance } from './entrance.ts'
import { FirstBytes, type FirstBytesOwner } from './first-bytes.ts'
import { Handshake, type HandshakeOwner } from './handshake.ts'
import { Http2Connection } from './http2-connection.ts'
import { TlsOffers } from './tls-offers.ts'

/** A connection that serves its client, or one of which something must be known first. */
type Accepted = Connection | Arrival | Handshake | FirstBytes

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

  /** Serves a client that has just connected, or turns it away if there are too many. */
  accept(socket: ClientSocket, entrance: Entrance): void {
    const { listener } = entrance
    const isShort = (socket.descriptor ?? 0) >= this.#fullFrom
    if (isShort) this.#context.notices.shortage('EMFILE')
    const hasRoom = !isShort && this.#hasRoom
    if (listener.proxyProtocol && hasRoom) return this.#enter(new Arrival(socket, entrance, this.#context, this))
    const ends = endsOf(socket, listener)
    if (listener.h2c && hasRoom) return this.#enter(new FirstBytes(socket, entrance, ends, this.#context, this))
    const client = this.#firstTo(socket, entrance, ends)
    this.#enter(client)
    if (isShort || listener.proxyProtocol || listener.h2c)
      client.turnAway(new Failure('too-many-connections', 'in all'))
    else this.#limit(client)
  }

  introduced(arrival: Arrival, ends: Ends, rest: Buffer): void {
    const { socket, entrance } = arrival
    this.#exit(arrival)
    if (!entrance.listener.h2c) return this.#serve(this.#firstTo(socket, entrance, ends), rest)
    const first = new FirstBytes(socket, entrance, ends, this.#context, this)
    this.#enter(first)
    if (rest.length > 0) first.whenRead(rest)
  }

  chosen(first: FirstBytes, isHttp2: boolean, bytes: Buffer): void {
    const { socket, entrance, ends } = first
    this.#exit(first)
    this.#serve(this.#connection(socket, entrance, ends, isHttp2), bytes)
  }

  secured(handshake: Handshake, socket: ClientSocket, ends: Ends): void {
    this.#exit(handshake)
    this.#enter(this.#connection(socket, handshake.entrance, ends))
  }

  unencrypted(handshake: Handshake, bytes: Buffer): void {
    const { socket, entrance, ends } = handshake
    this.#exit(handshake)
    const client = new ClientConnection(socket, entrance, ends, this.#context, this)
    this.#enter(client)
    client.refuse(bytes, new Failure('not-encrypted'))
  }

  /** What a connection begins with whose ends are known. */
  #firstTo(socket: ClientSocket, entrance: Entrance, ends: Ends): Connection | Handshake {
    const { tls } = entrance.listener
    if (tls === undefined) return this.#connection(socket, entrance, ends)
    return new Handshake(socket, entrance, ends, tls, this.tls, this.#context, this)
  }

  /** @param bytes what the client has sent so far */
  #serve(client: Connection | Handshake, bytes: Buffer): void {
    this.#enter(client)
    this.#limit(client)
    if (bytes.length > 0) client.whenRead(bytes)
  }

  #connection(socket: ClientSocket, entrance: Entrance, ends: Ends, isHttp2 = ends.tls?.protocol === 'h2'): Connection {
    const Kind = isHttp2 ? Http2Connection : ClientConnection
    return new Kind(socket, entrance, ends, this.#context, this)
  }

  get #hasRoom(): boolean {
    const { connections } = this.#context.generation.snapshot.limits
    return connections === 0 || this.#scoreboard.clients.connections() < connections
  }

  /** Turns a client away that is one too many. */
  #limit(client: Connection | Handshake): void {
    const { connections, connectionsPerAddress } = this.#context.generation.snapshot.limits
    if (connections > 0 && this.#scoreboard.clients.connections() > connections) {
      client.turnAway(new Failure('too-many-connections', 'in all'))
    } else if (client.isTrusted || client.peer === UNIX_ADDRESS) {
      // A proxy has as many connections as its clients need, and a Unix socket is no address.
      return
    } else if (
      connectionsPerAddress > 0 &&
      this.#scoreboard.clients.connectionsFrom(client.peer.octets) > connectionsPerAddress
    ) {
      client.turnAway(new Failure('too-many-connections', 'from this address'))
    }
  }

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
