import { Failure } from '../exchange/failure.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { UNIX_ADDRESS } from '../runtime/ip-address.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import { openFileLimit } from '../runtime/shortage.ts'
import { type Ends, endsOf } from '../transport/ends.ts'
import { Arrival, type ArrivalOwner } from './arrival.ts'
import { ClientConnection, type ConnectionOwner } from './client-connection.ts'
import type { ClientSocket } from './client-socket.ts'
import type { Entrance } from './entrance.ts'
import { Handshake, type HandshakeOwner } from './handshake.ts'
import { TlsOffers } from './tls-offers.ts'

/** A connection, whatever it has come to. */
type Connection = ClientConnection | Arrival | Handshake

/** The client connections of a worker, up to the limits. */
export class Clients implements ArrivalOwner, HandshakeOwner, ConnectionOwner {
  readonly tls: TlsOffers
  readonly #context: WorkerContext
  readonly #scoreboard: Scoreboard
  readonly #worker: number
  readonly #connections = new Set<Connection>()
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
    const isArrival = listener.proxyProtocol && !isShort && this.#hasRoom
    if (isArrival) return this.#enter(new Arrival(socket, entrance, this.#context, this))
    const client = this.#begin(socket, entrance, endsOf(socket, listener))
    this.#enter(client)
    if (isShort || listener.proxyProtocol) client.turnAway(new Failure('too-many-connections', 'in all'))
    else this.#limit(client)
  }

  introduced(arrival: Arrival, ends: Ends, rest: Buffer): void {
    this.#exit(arrival)
    const client = this.#begin(arrival.socket, arrival.entrance, ends)
    this.#enter(client)
    this.#limit(client)
    if (rest.length > 0) client.whenRead(rest)
  }

  secured(handshake: Handshake, socket: ClientSocket, ends: Ends): void {
    this.#exit(handshake)
    this.#enter(this.#connection(socket, handshake.entrance, ends))
  }

  unencrypted(handshake: Handshake, bytes: Buffer): void {
    this.#exit(handshake)
    const client = this.#connection(handshake.socket, handshake.entrance, handshake.ends)
    this.#enter(client)
    client.refuse(bytes, new Failure('not-encrypted'))
  }

  /** Who speaks to the client first. */
  #begin(socket: ClientSocket, entrance: Entrance, ends: Ends): ClientConnection | Handshake {
    const { tls } = entrance.listener
    if (tls === undefined) return this.#connection(socket, entrance, ends)
    return new Handshake(socket, entrance, ends, tls, this.tls, this.#context, this)
  }

  #connection(socket: ClientSocket, entrance: Entrance, ends: Ends): ClientConnection {
    return new ClientConnection(socket, entrance, ends, this.#context, this)
  }

  get #hasRoom(): boolean {
    const { connections } = this.#context.generation.snapshot.limits
    return connections === 0 || this.#scoreboard.clients.connections() < connections
  }

  /** Turns a client away that is one too many. */
  #limit(client: ClientConnection | Handshake): void {
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

  closed(connection: Connection): void {
    this.#exit(connection)
    if (this.#connections.size === 0) this.#whenGone?.()
  }

  #enter(connection: Connection): void {
    this.#connections.add(connection)
    this.#scoreboard.clients.countConnection(this.#worker, connection.peer.octets, 1)
  }

  #exit(connection: Connection): void {
    this.#connections.delete(connection)
    this.#scoreboard.clients.countConnection(this.#worker, connection.peer.octets, -1)
  }

  /** Lets exchanges in flight finish and closes everything else; then calls back. */
  stop(whenGone: () => void): void {
    for (const connection of this.#connections) connection.stop()
    this.drain(whenGone)
  }

  /** Calls back once all connections have ended by themselves. */
  drain(whenGone: () => void): void {
    if (this.#connections.size === 0) whenGone()
    else this.#whenGone = whenGone
  }
}

/** Part of the file descriptors is reserved for servers, since accepted clients could not be served without those. */
function fullFrom(limit: number): number {
  return limit - Math.min(256, Math.max(8, Math.floor(limit / 8)))
}
