import type { WorkerContext } from '../exchange/worker-context.ts'
import { Timed } from '../runtime/deadlines.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { Ends } from '../transport/ends.ts'
import { own, type SocketOwner } from '../transport/socket-owner.ts'
import type { ClientSocket, SocketReader } from './client-socket.ts'
import type { Entrance } from './entrance.ts'

/** What has accepted the connection, and takes it over once it can be served. */
export interface NewConnectionOwner {
  closed(connection: NewConnection): void
}

/** A client's connection before anything reads requests from it: where it comes from, or what it speaks, is found out first. */
export abstract class NewConnection extends Timed implements SocketReader, SocketOwner {
  readonly socket: ClientSocket
  readonly entrance: Entrance
  readonly ends: Ends
  protected readonly context: WorkerContext
  protected readonly owner: NewConnectionOwner

  /** @param ms how long it may take */
  constructor(
    socket: ClientSocket,
    entrance: Entrance,
    ends: Ends,
    context: WorkerContext,
    owner: NewConnectionOwner,
    ms: number,
  ) {
    super()
    this.socket = socket
    this.entrance = entrance
    this.ends = ends
    this.context = context
    this.owner = owner
    socket.reader = this
    own(socket, this)
    context.deadlines.set(this, ms)
  }

  /** The address of the client, as far as it is known. */
  get peer(): IpAddress {
    return this.ends.source.address
  }

  /** @param bytes reused once this has returned: what is kept must be copied */
  abstract whenRead(bytes: Buffer): void

  /** The client has closed its sending side. */
  abstract whenEnded(): void

  /** Its time is up. */
  abstract override expire(): void

  /** The connection is about to have another owner. */
  protected leave(): this {
    this.context.deadlines.remove(this)
    return this
  }

  /** The program is about to stop. */
  stop(): void {
    this.socket.destroy()
  }

  /** Another process, or another worker, takes the next connections. This one is still taken over. */
  drain(): void {}

  whenClosed(): void {
    this.context.deadlines.remove(this)
    this.owner.closed(this)
  }
}
