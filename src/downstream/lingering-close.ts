import type { WorkerContext } from '../exchange/worker-context.ts'
import { Timed } from '../runtime/deadlines.ts'
import type { SocketWriter } from '../transport/socket-writer.ts'
import { type ClientSocket, resetSocket } from './client-socket.ts'

/** How long a client may be silent on a connection that is being closed, in ms (nginx's lingering_timeout). */
const LINGER = 5000
/** How long it may go on sending there, in ms (nginx's lingering_time). */
const LONGEST_LINGER = 30_000

/**
 * Closes a connection: sends what is left, then waits for the client to close, since a reset could destroy the end of
 * the response before the client has read it (RFC 9112 §9.6).
 */
export class LingeringClose extends Timed {
  readonly #socket: ClientSocket
  readonly #writer: SocketWriter
  readonly #context: WorkerContext
  /** How many bytes more are read of what the client still sends. */
  #left: number
  /** When to stop waiting for the client to close, in ms on the clock of the deadlines. */
  readonly #until: number
  /** The writer's progress when the deadline was set. */
  #progress = 0

  /**
   * @param isAwaited whether the client is waited for, once everything has been sent
   * @param most how many bytes a client may still have on their way that could not know; more is not read
   */
  constructor(socket: ClientSocket, writer: SocketWriter, context: WorkerContext, isAwaited: boolean, most: number) {
    super()
    this.#left = most
    this.#socket = socket
    this.#writer = writer
    this.#context = context
    this.#until = context.deadlines.now + LONGEST_LINGER
    // Where the end was written before, only its own callback tells that all has been sent.
    if (isAwaited || socket.writableEnded) writer.end(() => (isAwaited ? this.#wait() : void socket.destroy()))
    if (socket.isPaused()) socket.resume()
    this.#wait()
  }

  /**
   * The client still sends, which is ignored. It gets some time to notice, since a reset could destroy the response.
   */
  heard(bytes: number): void {
    const { deadlines } = this.#context
    this.#left -= bytes
    if (this.#left <= 0) this.#socket.pause()
    if (this.#writer.unsent > 0) return
    deadlines.set(this, Math.max(1, Math.min(LINGER, this.#until - deadlines.now)))
  }

  /** All that was written has been sent. By TLS, the client is still told that nothing was cut off (RFC 8446 §6.1). */
  sent(): void {
    if (this.#socket.writableEnded) return
    this.#socket.end()
    // Not within this callback of a write, since node:net would make an error for those that wait for the end.
    process.nextTick(destroy, this.#socket)
  }

  override expire(): void {
    if (this.#writer.unsent > 0 && this.#writer.progress !== this.#progress) this.#wait()
    else resetSocket(this.#socket)
  }

  /** Gives the client the usual time to read what is unsent; after that, a short time to close. */
  #wait(): void {
    if (this.#socket.destroyed) return
    const { deadlines, generation } = this.#context
    this.#progress = this.#writer.progress
    deadlines.set(this, this.#writer.unsent > 0 ? generation.snapshot.timeouts.send : LINGER)
  }
}

function destroy(socket: ClientSocket): void {
  socket.destroy()
}
