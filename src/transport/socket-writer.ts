import type { Socket } from 'node:net'

/** How many unsent bytes make a writer full. */
const ROOM = 64 * 1024
/** The size of the first memory for bytes that must wait. */
const SMALLEST_QUEUE = 1024

const NOTHING = Buffer.alloc(0)

/** The user of a SocketWriter, which it notifies. */
export interface WriterOwner {
  /** The kernel has taken everything written so far. */
  whenDrained(): void
}

/**
 * Writes to one socket. What the kernel does not take at once is queued here, with small writes copied together: in a
 * Node stream's queue, each would keep alive the whole memory that it is a slice of.
 */
export class SocketWriter {
  readonly #socket: Socket
  readonly #owner: WriterOwner
  /**
   * Whether the socket encrypts what it is given, before `write` returns, to memory of its own. It always says only later
   * that the kernel has taken it.
   */
  readonly #encrypts: boolean
  /** Whether the socket still has bytes that the kernel has not taken; what follows is queued. */
  #isBehind = false
  #queue: Buffer | undefined
  #queued = 0
  /** Incremented whenever the kernel has taken everything that was written, which shows that the other side reads. */
  progress = 0
  readonly #whenTaken = (error?: Error | null): void => {
    if (!error) this.#catchUp()
  }

  constructor(socket: Socket, owner: WriterOwner) {
    this.#socket = socket
    this.#owner = owner
    this.#encrypts = 'encrypted' in socket
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
   * @returns whether their memory may be reused: false while the socket still needs it
   */
  write(bytes: Buffer): boolean {
    if (this.#isBehind) {
      this.#enqueue(bytes)
      return true
    }
    return this.#send(bytes)
  }

  /** Returns whether the memory may be reused. */
  #send(bytes: Buffer): boolean {
    if (this.#encrypts) {
      this.#isBehind = true
      this.#socket.write(bytes, this.#whenTaken)
      return true
    }
    this.#socket.write(bytes)
    if (this.#socket.writableLength === 0) return true
    this.#isBehind = true
    // The callback of an empty write after the others tells when the kernel has taken all of them.
    this.#socket.write(NOTHING, this.#whenTaken)
    return false
  }

  /** Sends what is queued, then closes this direction; `sent` is called once the kernel has all of it. */
  end(sent?: () => void): void {
    if (this.#queued > 0) this.#socket.write(this.#takeQueue())
    this.#socket.end(sent)
  }

  #catchUp(): void {
    this.progress++
    this.#isBehind = false
    if (this.#queued > 0 && !this.#socket.writableEnded) this.#send(this.#takeQueue())
    if (!this.#isBehind) this.#owner.whenDrained()
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
