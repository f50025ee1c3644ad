import { type Server, Socket, type SocketConstructorOpts } from 'node:net'

/** What the operating system accepted, as Node.js keeps it below its documented surface. */
interface Handle {
  readonly fd?: number
}
interface Listening extends Server {
  readonly _handle?: { onconnection?: (error: number, connection: Handle) => void }
}
interface Connected extends Socket {
  readonly _handle?: Handle | null
  /** The socket that carries a TLS connection. */
  readonly _parent?: Socket | null
}

const READ_SIZE = 64 * 1024

/** All clients' sockets of a worker read into this memory: what one has read is used, or copied, before the next one reads. */
const buffer = Buffer.allocUnsafeSlow(READ_SIZE)

/** What takes the bytes that a socket reads. */
export interface SocketReader {
  /** @param bytes overwritten by others once this has returned */
  whenRead(bytes: Buffer): void
}

export interface ClientSocket extends Socket {
  reader: SocketReader | undefined
  /** The file descriptor; undefined where it is not known. */
  descriptor: number | undefined
}

/**
 * Has the server's connections read into memory that they share. node:net offers that to sockets that connect (`onread`),
 * not to those that are accepted: for these it allocates 64 kB at each read, the most costly thing about a small request
 * after its system calls. So the socket is built here, of the accepted handle, as net.Server would. Where a later Node.js
 * has changed in that, its own sockets serve, and read into memory of their own.
 *
 * @param refused takes the system's error where a connection could not be accepted
 */
export function onConnection(
  server: Server,
  take: (socket: ClientSocket) => void,
  refused: (error: NodeJS.ErrnoException) => unknown,
): void {
  const isUnix = typeof server.address() === 'string'
  server.on('error', refused)
  server.on('connection', (socket: Socket) => take(clientSocketOf(socket)))
  const handle = (server as Listening)._handle
  const standard = handle?.onconnection
  if (handle === undefined || typeof standard !== 'function') return
  handle.onconnection = function (this: unknown, error, connection) {
    // It emits the error.
    if (error) return standard.call(this, error, connection)
    const socket = socketOf(connection)
    if (isUnix) makeResettable(socket)
    take(socket)
  }
}

/** A socket that was built elsewhere, such as a TLS connection, as a client's: it reads into memory of its own. */
export function clientSocketOf(socket: Socket): ClientSocket {
  const client = socket as ClientSocket
  client.descriptor = (socket as Connected)._handle?.fd
  client.on('data', (bytes: Buffer) => client.reader?.whenRead(bytes))
  makeResettable(client)
  return client
}

/**
 * Only TCP knows a reset, and node:net throws for anything else. A TLS connection resets the socket that carries it, and
 * closes with that one; what has no reset at all, such as a Unix socket, closes.
 */
function makeResettable(socket: ClientSocket): void {
  const carrier = (socket as Connected)._parent ?? socket
  socket.resetAndDestroy = () => {
    try {
      Socket.prototype.resetAndDestroy.call(carrier)
    } catch {
      socket.destroy()
    }
    return socket
  }
}

function socketOf(handle: Handle): ClientSocket {
  const onread = { buffer, callback: (size: number) => read(socket, size) }
  const options = { handle: handle as object, onread, allowHalfOpen: true }
  const socket = new Socket(options as SocketConstructorOpts) as ClientSocket
  socket.setNoDelay(true)
  socket.descriptor = handle.fd
  return socket
}

function read(socket: ClientSocket, size: number): boolean {
  socket.reader?.whenRead(buffer.subarray(0, size))
  return true
}

/** Closes a socket at once; the kernel, too, forgets what the client has not read. */
export function reset(socket: ClientSocket): void {
  // Once the end has been sent a reset fails, and leaves the socket's handle open for good (EINVAL, libuv).
  if (socket.writableEnded && socket.writableLength === 0) socket.destroy()
  else socket.resetAndDestroy()
}
