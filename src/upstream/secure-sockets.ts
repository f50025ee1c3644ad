import type { TLSSocket } from 'node:tls'
import type { ServerState } from '../balancing/server-state.ts'
import type { ServerTls } from '../runtime/server-tls.ts'
import type { ServerProtocol } from '../runtime/snapshot.ts'
import { readingInto, type ServerSocket } from './server-socket.ts'

/** The last TLS session with a server, to be continued by the next connection. */
interface Session {
  /** The address where it began. */
  readonly address: string
  readonly ticket: Buffer
}

/** For how many turns of the event loop a socket that can no longer write must have read nothing before it is closed. */
const QUIET = 2

/** Connects to the servers of an upstream by TLS, and continues the last session with each. */
export class SecureSockets {
  readonly #tls: ServerTls
  readonly #sessions = new WeakMap<ServerState, Session>()

  constructor(tls: ServerTls) {
    this.#tls = tls
  }

  /**
   * @param introduction a PROXY header, sent before the handshake
   * @param protocol what is offered
   */
  connect(server: ServerState, introduction: Buffer | undefined, protocol: ServerProtocol | 'http1'): ServerSocket {
    const { endpoint, address } = server.settings
    const last = this.#sessions.get(server)
    const session = last?.address === address ? last.ticket : undefined
    // Node.js asks for memory before it returns the socket.
    let opened: ServerSocket | undefined
    const onread = introduction === undefined ? readingInto(() => opened) : undefined
    const socket = this.#tls.connect(endpoint, protocol, { introduction, session, onread }) as SecureSocket
    opened = socket
    socket.reader = undefined
    if (onread === undefined) socket.on('data', (bytes: Buffer) => socket.reader?.whenRead(bytes))
    socket.on('session', (ticket: Buffer) => this.#sessions.set(server, { address, ticket }))
    outliveWrites(socket)
    return socket
  }
}

type SecureSocket = TLSSocket & ServerSocket

/**
 * Has a socket read to the end even when it can no longer write, as PlainSocket does. What the server sent is in the kernel's
 * buffer, still encrypted: the socket reads on until nothing comes.
 */
function outliveWrites(socket: SecureSocket): void {
  let isFailing = false
  const destroy = socket.destroy.bind(socket)
  socket.destroy = (error) => {
    const isFailedWrite = (error as NodeJS.ErrnoException | undefined)?.syscall === 'write'
    if (isFailing || !isFailedWrite) return destroy(error)
    isFailing = true
    let { bytesRead } = socket
    let quiet = 0
    const watch = () => {
      quiet = socket.bytesRead === bytesRead ? quiet + 1 : 0
      bytesRead = socket.bytesRead
      if (quiet === QUIET) destroy(error)
      else if (!socket.destroyed) setImmediate(watch)
    }
    socket.resume()
    setImmediate(watch)
    return socket
  }
}
