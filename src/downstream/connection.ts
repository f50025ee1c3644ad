import type { Failure } from '../exchange/failure.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { ConnectionOrigin, type Lifetime } from '../forwarding/client-origin.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { Ends } from '../transport/ends.ts'
import { own, type SocketOwner } from '../transport/socket-owner.ts'
import { SocketWriter, type WriterOwner } from '../transport/socket-writer.ts'
import { ClientDeadline } from './client-deadline.ts'
import { type ClientSocket, closeSocket, resetSocket, type SocketReader } from './client-socket.ts'
import type { Entrance } from './entrance.ts'
import { Farewell } from './farewell.ts'
import { LingeringClose } from './lingering-close.ts'

/**
 * How a connection ends: as soon as all that was written has been sent; once the client has closed it, too; or by a reset, so
 * that the client sees that its response is incomplete.
 */
export type Ending = 'drop' | 'linger' | 'reset'

const NOTHING: readonly (() => void)[] = []

/** The owner of client connections, which it has accepted. */
export interface ConnectionOwner {
  closed(connection: Connection): void
}

/** A client's connection, whatever its protocol: its socket, where its requests come from, and how it ends. */
export abstract class Connection extends ClientDeadline implements Lifetime, SocketReader, SocketOwner, WriterOwner {
  readonly source: ConnectionOrigin
  protected readonly socket: ClientSocket
  protected readonly context: WorkerContext
  protected readonly writer: SocketWriter
  readonly #entrance: Entrance
  readonly #owner: ConnectionOwner
  #closing: LingeringClose | undefined
  #atEnd = NOTHING
  #farewell: Farewell | undefined
  /** Whether no more requests are read or answered. */
  protected isClosing = false

  constructor(socket: ClientSocket, entrance: Entrance, ends: Ends, context: WorkerContext, owner: ConnectionOwner) {
    super()
    this.socket = socket
    this.context = context
    this.writer = new SocketWriter(socket, this)
    this.#entrance = entrance
    this.#owner = owner
    this.source = new ConnectionOrigin(ends, this, context.generation.trustedProxies)
    socket.reader = this
    own(socket, this)
  }

  /** The address of the other end. */
  get peer(): IpAddress {
    return this.source.peer
  }

  /** Whether there is a trusted proxy at the other end. */
  get isTrusted(): boolean {
    return this.source.isTrusted
  }

  atEnd(act: () => void): void {
    this.#atEnd = [...this.#atEnd, act]
  }

  // ── what the client sends ──────────────────────────────────────────────────────────────────────────────────────

  /** @param bytes reused once this has returned: what is kept must be copied */
  whenRead(bytes: Buffer): void {
    if (this.isClosing) this.#closing?.heard(bytes.length)
    else this.arrived(bytes)
  }

  protected abstract arrived(bytes: Buffer): void

  protected resume(): void {
    if (this.socket.isPaused()) this.socket.resume()
  }

  /** The client has closed its sending side. */
  abstract whenEnded(): void

  /** The kernel has taken all that was written. */
  whenDrained(): void {
    if (this.isClosing) this.#closing?.sent()
    else this.mayWrite()
  }

  protected abstract mayWrite(): void

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  whenClosed(): void {
    this.context.deadlines.remove(this)
    if (this.#closing !== undefined) this.context.deadlines.remove(this.#closing)
    this.#owner.closed(this)
    this.isClosing = true
    this.lost()
    this.socket.destroy()
    for (const act of this.#atEnd) act()
  }

  /** The connection is closed, whatever it was used for. */
  protected abstract lost(): void

  /**
   * Whether a response is the last on this connection, since its worker or its listener is to end.
   *
   * @param isSessionNew whether the response begins a session
   */
  protected isLast(isSessionNew: boolean): boolean {
    const { ending } = this.context
    if (ending === 'none') return this.#entrance.isClosed
    if (ending === 'stop') return true
    // The next request goes to another process, which must know the session by then.
    this.#farewell ??= new Farewell()
    return this.#farewell.isDue(isSessionNew)
  }

  /** The program is about to stop: closes the connection as soon as no exchange needs it. */
  abstract stop(): void

  /** Another process, or another worker, takes the next connections: this one ends when nobody needs it. */
  abstract drain(): void

  /** Closes a connection for which there is no room, and says so. Lingering would take up room. */
  abstract turnAway(failure: Failure): void

  /** How many bytes a client may have sent before it knows that the connection is closed. */
  protected get mostUnread(): number {
    return Infinity
  }

  protected close(ending: Ending): void {
    if (this.isClosing) return
    this.isClosing = true
    if (ending === 'reset') return resetSocket(this.socket)
    if (ending === 'drop' && this.writer.unsent === 0) return closeSocket(this.socket)
    this.context.deadlines.remove(this)
    const isAwaited = ending === 'linger'
    this.#closing = new LingeringClose(this.socket, this.writer, this.context, isAwaited, this.mostUnread)
  }
}
