import { type Deadlines, Timed } from '../runtime/deadlines.ts'
import { own, type SocketOwner } from '../transport/socket-owner.ts'
import { SocketWriter, type WriterOwner } from '../transport/socket-writer.ts'
import type { Appetite, ServerSocket, SocketReader } from './server-socket.ts'

/** A connection to a server, whatever its protocol: its socket, its age, and the error that ends it. */
export abstract class ServerConnection extends Timed implements SocketOwner, SocketReader, WriterOwner {
  readonly socket: ServerSocket
  readonly writer: SocketWriter
  protected readonly deadlines: Deadlines
  /** What the socket failed by, which closes it. */
  protected error: Error | undefined
  readonly #openedAt: number

  constructor(socket: ServerSocket, deadlines: Deadlines) {
    super()
    this.socket = socket
    this.writer = new SocketWriter(socket, this)
    this.deadlines = deadlines
    this.#openedAt = deadlines.now
    socket.reader = this
    own(socket, this)
  }

  /** How long ago it was opened, in ms. */
  get age(): number {
    return this.deadlines.now - this.#openedAt
  }

  get isSecure(): boolean {
    return 'encrypted' in this.socket
  }

  abstract whenConnected(): void
  /** @param bytes the next read of any connection overwrites them once this has returned */
  abstract whenRead(bytes: Buffer): void
  abstract get appetite(): Appetite
  /** The kernel has taken everything that was written. */
  abstract whenDrained(): void
  /** The server has closed its sending side. */
  abstract whenEnded(): void

  whenFailed(error: Error): void {
    this.error = error
  }

  abstract whenClosed(): void
}

/** Whether a connection was reset, which the kernel does for a server that closes and has not read everything. */
export function isReset(error: Error | undefined): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === 'ECONNRESET' || code === 'EPIPE'
}
