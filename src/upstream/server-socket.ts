import { readSync } from 'node:fs'
import { Socket, type SocketConstructorOpts } from 'node:net'

/** What node:net keeps below its documented surface. */
interface Handle {
  readonly fd?: number
}

/** As much is read at the most of what a broken connection still holds, in bytes: more than the kernel keeps for one. */
const MAX_LEFT = 16 * 1024 * 1024

/**
 * A socket to a server that reads to the end even where it cannot write any more. A server that answers early and closes
 * resets the connection, since it has not read all of the request; what it said before lies in the kernel and can still be
 * read. But at the first write that fails, node:net closes the socket.
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
      // After an error nobody can tell the end of the stream from its loss.
      if (size === 0) return
      this.#whenRead(size)
      left -= size
    }
  }
}

/** 0 where there is nothing to read, or nothing any more. */
function readFrom(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer)
  } catch {
    return 0
  }
}
