import { connect as connectTcp } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { ServerState } from '../balancing/server-state.ts'
import type { ServerTls } from '../runtime/server-tls.ts'
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
   * @param protocols offered instead of the upstream's own
   */
  connect(server: ServerState, introduction: Buffer | undefined, protocols?: readonly string[]): ServerSocket {
    const { endpoint, address } = server.settings
    const options: ConnectionOptions = { ...this.#tls.optionsFor(endpoint, protocols) }
    const last = this.#sessions.get(server)
    if (last?.address === address) options.session = last.ticket
    const socket = introduction === undefined ? open(endpoint, options) : openAfter(introduction, endpoint, options)
    socket.on('session', (ticket: Buffer) => this.#sessions.set(server, { address, ticket }))
    outliveWrites(socket)
    return socket
  }
}

type Endpoint = ServerState['settings']['endpoint']
type SecureSocket = TLSSocket & ServerSocket

function open(endpoint: Endpoint, options: ConnectionOptions): SecureSocket {
  const onread = readingInto(() => socket)
  const socket = connect({ ...options, ...endpoint, onread } as object) as SecureSocket
  socket.reader = undefined
  socket.setNoDelay(true)
  return socket
}

/** Node.js lets no socket read into memory of its own once another has begun: this one allocates for each read. */
function openAfter(introduction: Buffer, endpoint: Endpoint, options: ConnectionOptions): SecureSocket {
  const carrier = connectTcp({ ...endpoint, noDelay: true })
  carrier.write(introduction)
  const socket = connect({ ...options, socket: carrier }) as SecureSocket
  socket.reader = undefined
  socket.on('data', (bytes: Buffer) => socket.reader?.whenRead(bytes))
  return socket
}

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
