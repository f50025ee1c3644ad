import { readSync, writeSync } from 'node:fs'
import { Socket, type SocketConstructorOpts } from 'node:net'
import { connectOptions } from '../runtime/endpoint.ts'
import type { Endpoint } from '../runtime/snapshot.ts'

/**
 * How much of a response is wanted: much of its body; not more than what can be kept, as long as it is not known whether the client
 * has a window for any; or little, since it has none.
 */
export type Appetite = 'much' | 'some' | 'little'

/** Takes the bytes that a socket reads. */
export interface SocketReader {
  /** @param bytes the next read of any connection overwrites them once this has returned */
  whenRead(bytes: Buffer): void
  /** How much may be read at once. */
  readonly appetite: Appetite
}

/** A socket to a server. */
export interface ServerSocket extends Socket {
  reader: SocketReader | undefined
}

/** An undocumented part of node:net. */
interface Handle {
  readonly fd?: number
  useUserBuffer?: (memory: Uint8Array) => void
}

/** Nearly every head fits in what is read for some, and is read once. */
const READ_SIZES: Readonly<Record<Appetite, number>> = { much: 64 * 1024, some: 40 * 1024, little: 4 * 1024 }

/** All connections of a worker read into this memory: what one has read is sent on before the next one reads. */
const buffer = Buffer.allocUnsafeSlow(READ_SIZES.much)
const parts: Readonly<Record<Appetite, Buffer>> = {
  much: buffer,
  some: buffer.subarray(0, READ_SIZES.some),
  little: buffer.subarray(0, READ_SIZES.little),
}

/** The most that is read from a connection after it broke, in bytes: more than the kernel buffers for one. */
const MAX_LEFT = 16 * 1024 * 1024

/** The option of node:net and node:tls that has a socket read into the shared memory. */
export function readingInto(socket: () => ServerSocket | undefined) {
  return {
    // Called before the first read, and after each.
    buffer: () => parts[socket()?.reader?.appetite ?? 'some'],
    callback: (size: number) => {
      socket()?.reader?.whenRead(buffer.subarray(0, size))
      return true
    },
  }
}

/** Has the next read take what its reader wants now, and not what it wanted after the last one. Node.js has no documented way. */
export function fitRead(socket: ServerSocket): void {
  const { _handle: handle } = socket as { readonly _handle?: Handle | null }
  handle?.useUserBuffer?.(parts[socket.reader?.appetite ?? 'some'])
}

/** Connects to a server by TCP, or by its Unix socket. */
export function connectPlainly(endpoint: Endpoint): ServerSocket {
  return new PlainSocket().connect(connectOptions(endpoint))
}

/**
 * A socket to a server that reads to the end even when it can no longer write. A server that answers early and closes
 * resets the connection, since it has not read all of the request; what it sent before is in the kernel's buffer and can
 * still be read. But node:net closes the socket at the first write that fails.
 */
class PlainSocket extends Socket implements ServerSocket {
  reader: SocketReader | undefined

  constructor() {
    super({ onread: readingInto(() => this), noDelay: true } as SocketConstructorOpts)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error !== null) this.#readRest()
    super._destroy(error, callback)
  }

  #readRest(): void {
    const { fd = -1 } = (this as { readonly _handle?: Handle | null })._handle ?? {}
    if (fd < 0 || this.connecting) return
    for (let left = MAX_LEFT; left > 0; ) {
      const size = readFrom(fd, buffer)
      // After an error, the end of the stream cannot be told from its loss.
      if (size === 0) return
      this.reader?.whenRead(buffer.subarray(0, size))
      left -= size
    }
  }
}

const ONE = Buffer.allocUnsafeSlow(1)

/**
 * Whether the other side has closed an idle connection, or has sent something, which this thread may not have noticed yet: it can
 * serve no other request. What was sent is lost.
 */
export function isUsedUp(socket: ServerSocket): boolean {
  const { fd = -1 } = (socket as { readonly _handle?: Handle | null })._handle ?? {}
  if (fd < 0) return false
  try {
    readSync(fd, ONE)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EAGAIN'
  }
}

const NOTHING = Buffer.alloc(0)

/**
 * Whether the other side, which has closed the connection, has reset it since: what came after it had closed was not read. Node.js
 * reports only the end.
 */
export function isResetSince(socket: ServerSocket): boolean {
  const { fd = -1 } = (socket as { readonly _handle?: Handle | null })._handle ?? {}
  if (fd < 0) return false
  try {
    writeSync(fd, NOTHING)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPIPE'
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
