import type { X509Certificate } from 'node:crypto'
import { type Server, Socket, type SocketConstructorOpts } from 'node:net'
import type { TLSSocket, TLSSocketOptions } from 'node:tls'
import { nodeTls } from '../runtime/node-tls.ts'
import { tlsMessage } from '../runtime/tls-message.ts'

/** An accepted connection as Node.js represents it internally; undocumented. */
interface Handle {
  readonly fd?: number
  useUserBuffer?: (memory: Uint8Array) => void
  verifyError?: () => Error | null
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

/** Takes the bytes that a socket reads. */
export interface SocketReader {
  /** @param bytes reused once this has returned */
  whenRead(bytes: Buffer): void
}

export interface ClientSocket extends Socket {
  reader: SocketReader | undefined
  /** The file descriptor; undefined if it is not known. */
  descriptor: number | undefined
}

/**
 * Has the server's connections read into one shared buffer. node:net offers that to sockets that connect (`onread`),
 * but not to those that are accepted: for these it allocates 64 kB for each read, which costs more than anything but
 * the system calls of a small request. So the sockets are built here from the accepted handles, as net.Server does. If
 * a later Node.js changes this interface, its own sockets are used, and read into memory of their own.
 *
 * @param refused takes the system's error if a connection could not be accepted
 */
export function onConnection(
  server: Server,
  take: (socket: ClientSocket) => void,
  refused: (error: NodeJS.ErrnoException) => unknown,
): void {
  const address = server.address()
  // Null for a Unix socket that was handed over by its descriptor.
  const isUnix = address === null || typeof address === 'string'
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

/** Makes a client socket of one that was built elsewhere; it reads into memory of its own. */
export function clientSocketOf(socket: Socket): ClientSocket {
  const client = socket as ClientSocket
  client.descriptor = (socket as Connected)._handle?.fd
  client.on('data', (bytes: Buffer) => client.reader?.whenRead(bytes))
  makeResettable(client)
  return client
}

/** A client's connection by TLS. */
export interface SecureClientSocket extends ClientSocket, Omit<TLSSocket, keyof Socket> {}

/**
 * Continues a client's connection by TLS.
 *
 * @param bytes what it has sent so far; not used again by anyone else
 */
export function secureSocketOf(carrier: ClientSocket, bytes: Buffer, options: TLSSocketOptions): SecureClientSocket {
  carrier.reader = undefined
  carrier.pause()
  // The TLSSocket begins with what it finds there.
  carrier.unshift(bytes)
  const { TLSSocket } = nodeTls()
  const socket = new TLSSocket(carrier, { ...options, isServer: true }) as unknown as SecureClientSocket
  socket.reader = undefined
  socket.descriptor = carrier.descriptor
  if (!readShared(socket)) socket.on('data', (bytes: Buffer) => socket.reader?.whenRead(bytes))
  makeResettable(socket)
  // Node.js reports errors by this event only, unless the socket belongs to a tls.Server, and leaves the socket open.
  socket.on('_tlsError', destroyFor)
  return socket
}

function destroyFor(this: Socket, error: Error): void {
  this.destroy(error)
}

/**
 * The certificate that the client has shown and proven to be its own, if authorities of the listener have issued it; else why there is
 * none. Node.js tells that to a tls.Server only.
 */
export function verifiedCertificate(socket: SecureClientSocket): X509Certificate | string {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return 'there is none'
  const handle = (socket as Connected)._handle
  if (typeof handle?.verifyError !== 'function') return 'this Node.js does not say whether it is valid'
  const error = handle.verifyError()
  if (error !== null) return tlsMessage(error.message)
  // A session that is continued is not verified again.
  return certificate.validToDate.getTime() < Date.now() ? 'it has expired' : certificate
}

/** Under which symbols node:net keeps the `buffer` and the `callback` of `onread`, which a TLSSocket on another socket has no option for. */
const onreadSymbols = (() => {
  const callback = () => true
  const probe = new Socket({ onread: { buffer, callback } } as SocketConstructorOpts)
  const symbolOf = (value: unknown) =>
    Object.getOwnPropertySymbols(probe).find(
      (symbol) => (probe as unknown as Record<symbol, unknown>)[symbol] === value,
    )
  const [memory, taker] = [symbolOf(buffer), symbolOf(callback)]
  return memory === undefined || taker === undefined ? undefined : { memory, taker }
})()

/** Has a socket read into the shared buffer, as `onread` does. Returns whether this Node.js lets it. */
function readShared(socket: SecureClientSocket): boolean {
  const handle = (socket as Connected)._handle
  if (onreadSymbols === undefined || typeof handle?.useUserBuffer !== 'function') return false
  const slots = socket as unknown as Record<symbol, unknown>
  slots[onreadSymbols.memory] = buffer
  slots[onreadSymbols.taker] = takeRead
  handle.useUserBuffer(buffer)
  return true
}

function takeRead(this: ClientSocket, size: number): boolean {
  return read(this, size)
}

/**
 * Only TCP has a reset; node:net throws for anything else. A TLS connection resets the socket that carries it, and
 * closes with that one; a socket without a reset, such as a Unix socket, is just closed.
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

/** Closes a connection on which nothing is left to send. By TLS, the client is told that nothing was cut off (RFC 8446 §6.1). */
export function closeSocket(socket: ClientSocket): void {
  if (!('encrypted' in socket)) return void socket.destroy()
  socket.end()
  // By then it has been told; it is not waited for.
  setImmediate(() => socket.destroy())
}

/** Resets a connection; the kernel, too, drops what the client has not read. */
export function resetSocket(socket: ClientSocket): void {
  // After the end has been sent, a reset fails and leaks the socket's handle (EINVAL, libuv).
  if (socket.writableEnded && socket.writableLength === 0) socket.destroy()
  else socket.resetAndDestroy()
}
