import type { Socket } from 'node:net'

/** Bytes that may wait for one socket before its writer says that it is full. */
const ROOM = 64 * 1024
/** The size of the memory for the first bytes that have to wait. */
const SMALLEST_QUEUE = 1024

const NOTHING = Buffer.alloc(0)

/** The user of a SocketWriter, which it notifies. */
export interface WriterOwner {
  /** Everything written so far has been taken by the kernel. */
  whenDrained(): void
}

/**
 * Writes to one socket. What the kernel does not take at once waits here, small writes together in one piece of memory:
 * in the queue of a Node stream each of them would keep alive all of the memory that it is a slice of.
 */
export class SocketWriter {
  readonly #socket: Socket
  readonly #owner: WriterOwner
  /** Whether the socket still has bytes that the kernel has not taken; what follows is queued. */
  #isBehind = false
  #queue: Buffer | undefined
  #queued = 0
  /** Rises whenever the kernel has taken all that was written to the socket: the reader makes progress. */
  progress = 0

  constructor(socket: Socket, owner: WriterOwner) {
    this.#socket = socket
    this.#owner = owner
  }

  /** Bytes that the kernel has not taken yet. */
  get unsent(): number {
    return this.#socket.writableLength + this.#queued
  }

  /** Whether the kernel has not taken all that was written. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  /** Whether the user should wait for `whenDrained` before writing more. */
  get isFull(): boolean {
    return this.#isBehind && this.unsent >= ROOM
  }

  /**
   * Writes `bytes`, or queues a copy of them.
   *
   * @returns whether their memory may be reused: false if the socket still needs it
   */
  write(bytes: Buffer): boolean {
    if (this.#isBehind) {
      this.#enqueue(bytes)
      return true
    }
    this.#socket.write(bytes)
    if (this.#socket.writableLength === 0) return true
    this.#fallBehind()
    return false
  }

  /** Sends what is queued, then closes this direction; `sent` is called once the kernel has all of it. */
  end(sent?: () => void): void {
    if (this.#queued > 0) this.#socket.write(this.#takeQueue())
    this.#socket.end(sent)
  }

  /** An empty write after the others is reported once they have been taken. */
  #fallBehind(): void {
    this.#isBehind = true
    this.#socket.write(NOTHING, (error) => error ?? this.#catchUp())
  }

  #catchUp(): void {
    this.progress++
    this.#isBehind = false
    if (this.#queued > 0 && !this.#socket.writableEnded) {
      this.#socket.write(this.#takeQueue())
      if (this.#socket.writableLength > 0) return this.#fallBehind()
    }
    this.#owner.whenDrained()
  }

  #enqueue(bytes: Buffer): void {
    if (this.#socket.destroyed) return
    const length = this.#queued + bytes.length
    if (this.#queue === undefined || length > this.#queue.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#queued, SMALLEST_QUEUE))
      if (this.#queue !== undefined) larger.set(this.#queue.subarray(0, this.#queued))
      this.#queue = larger
    }
    this.#queue.set(bytes, this.#queued)
    this.#queued = length
  }

  #takeQueue(): Buffer {
    const bytes = this.#queue!.subarray(0, this.#queued)
    this.#queue = undefined
    this.#queued = 0
    return bytes
  }
}
