import { readSync } from 'node:fs'
import { Socket, type SocketConstructorOpts } from 'node:net'

/** An undocumented part of node:net. */
interface Handle {
  readonly fd?: number
}

/** The most that is read from a connection after it broke, in bytes: more than the kernel buffers for one. */
const MAX_LEFT = 16 * 1024 * 1024

/**
 * A socket to a server that reads to the end even when it can no longer write. A server that answers early and closes
 * resets the connection, since it has not read all of the request; what it sent before is in the kernel's buffer and can
 * still be read. But node:net closes the socket at the first write that fails.
 */
export class ServerSocket extends Socket {
  readonly #buffer: Buffer
  readonly #whenRead: (size: number) => void

  /** @param whenRead takes the first `size` bytes of `buffer` */
  constructor(buffer: Buffer, whenRead: (size: number) => void) {
    const onread = {
      buffer,
      callback: (size: number) => {
        whenRead(size)
        return true
      },
    }
    super({ onread, noDelay: true } as SocketConstructorOpts)
    this.#buffer = buffer
    this.#whenRead = whenRead
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error !== null) this.#readRest()
    super._destroy(error, callback)
  }

  #readRest(): void {
    const { fd = -1 } = (this as { readonly _handle?: Handle | null })._handle ?? {}
    if (fd < 0 || this.connecting) return
    for (let left = MAX_LEFT; left > 0; ) {
      const size = readFrom(fd, this.#buffer)
      // After an error, the end of the stream cannot be told from its loss.
      if (size === 0) return
      this.#whenRead(size)
      left -= size
    }
  }
}

/** Returns 0 where nothing is left to read. */
function readFrom(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer)
  } catch {
    return 0
  }
}
