import type { Deadlines } from '../runtime/deadlines.ts'
import type { Pool, Pooled } from './pool.ts'
import { ServerConnection } from './server-connection.ts'
import { type Appetite, isUsedUp, type ServerSocket } from './server-socket.ts'
import { turns } from './turns.ts'

/** What uses a connection for one exchange. */
export interface ConnectionUser {
  readonly appetite: Appetite
  connected(): void
  /** Bytes of the response; the next read of any connection overwrites them once this has returned. */
  bytesRead(bytes: Buffer): void
  /** The kernel has taken everything that was written. */
  drained(): void
  /** The server has closed its sending side. */
  serverEnded(): void
  /** The connection is closed; with the error, if there was one. */
  closed(error: Error | undefined): void
  timedOut(): void
}

/** An HTTP/1 connection to a server, used by one exchange after another and idle in its pool between them. */
export class Http1Connection extends ServerConnection implements Pooled {
  /** Exchanges that it has served to the end. */
  served = 0
  isConnected: boolean
  /** A PROXY header that must be sent before anything else; undefined once it has been. */
  introduction: Buffer | undefined
  /** When it was put back into its pool, in ms on the clock of the deadlines. */
  idleSince = 0
  /** The turn of the event loop by which its end would show if the server had closed it after its last response. */
  #settles = 0
  #user: ConnectionUser | undefined
  readonly #pool: Pool<Http1Connection>

  constructor(socket: ServerSocket, pool: Pool<Http1Connection>, deadlines: Deadlines, isConnected = false) {
    super(socket, deadlines)
    this.isConnected = isConnected
    this.#pool = pool
  }

  /** Lends the connection to an exchange. */
  use(user: ConnectionUser): void {
    this.#user = user
  }

  /** The exchange is over: returns the connection to its pool, unless bytes are unsent. */
  release(): void {
    if (this.writer.isBehind) return this.destroy()
    this.#user = undefined
    this.served++
    // While paused, it would notice neither its end nor the response to the next request.
    if (this.socket.isPaused()) this.socket.resume()
    this.#pool.put(this)
  }

  /** Waits in its pool for the next exchange, for at most `ms`; Infinity for no limit. */
  rest(ms: number): void {
    this.idleSince = this.deadlines.now
    this.#settles = turns.settlingTurn()
    this.wait(ms === Infinity ? 0 : ms)
  }

  /** Whether it has been idle for long enough to show that the server did not close it after its last response. */
  get isSettled(): boolean {
    return turns.hasCome(this.#settles)
  }

  /** Whether nothing has come since its last response, not even its end: the kernel is asked, which knows before this thread. */
  get isOpen(): boolean {
    return !isUsedUp(this.socket)
  }

  /** Sets how long the server may now keep its user waiting, in ms; 0 for no limit. */
  wait(ms: number): void {
    this.deadlines.set(this, ms)
  }

  /** Closes the connection at once, without a call to its user. */
  destroy(): void {
    this.#user = undefined
    this.#pool.remove(this)
    this.socket.destroy()
  }

  /** Closes the connection once everything written has been sent, or after `ms`. */
  finish(ms: number): void {
    if (this.writer.unsent === 0) return this.destroy()
    this.#user = undefined
    this.writer.end()
    this.socket.destroySoon()
    this.wait(ms)
  }

  override expire(): void {
    if (this.#user !== undefined) this.#user.timedOut()
    else this.destroy()
  }

  override whenConnected(): void {
    this.isConnected = true
    this.#user?.connected()
  }

  override whenRead(bytes: Buffer): void {
    // An unsolicited response: it could be mistaken for the response to the next request.
    if (this.#user === undefined) this.destroy()
    else this.#user.bytesRead(bytes)
  }

  override get appetite(): Appetite {
    return this.#user?.appetite ?? 'some'
  }

  override whenDrained(): void {
    this.#user?.drained()
  }

  override whenEnded(): void {
    this.#pool.remove(this)
    if (this.error === undefined) return this.#user?.serverEnded()
    // After an alert, node:tls ends the socket before it closes it.
    this.#close()
    this.socket.destroy()
  }

  override whenClosed(): void {
    this.deadlines.remove(this)
    this.#pool.remove(this)
    this.#close()
  }

  #close(): void {
    const user = this.#user
    this.#user = undefined
    user?.closed(this.error)
  }
}
