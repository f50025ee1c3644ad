import { once } from 'node:events'
import { chmodSync, renameSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import type { MessagePort, Transferable } from 'node:worker_threads'
import { type ClientSocket, onConnection } from '../downstream/client-socket.ts'
import type { Entrance } from '../downstream/entrance.ts'
import type { Listener, SocketListener } from '../runtime/snapshot.ts'
import type { OpenSocket, SocketOrder } from './messages.ts'

/** How many connections may wait to be accepted; the system may set a lower limit. */
const BACKLOG = 4096

/** How long connections that still come may delay the end of a socket, in ms. */
const LAST_CALL = 1000

/** Undocumented parts of a net.Server. */
interface Listening extends Server {
  readonly _handle?: { readonly fd?: number } | null
}

/** Takes the connections of listening sockets. */
export interface SocketOwner {
  accept(socket: ClientSocket, entrance: Entrance): void
  /** A connection could not be accepted because this process ran short of something (shortage.ts). */
  shortage(code: string): void
}

/** A socket on which a worker listens. */
export class ListeningSocket implements Entrance {
  readonly id: number
  listener: Listener
  isClosed = false
  readonly #server: Listening
  #accepted = 0

  private constructor(id: number, listener: Listener, server: Server, owner: SocketOwner) {
    const address = server.address()
    const isPort = 'port' in listener && address !== null && typeof address === 'object'
    this.id = id
    this.listener = isPort ? { ...listener, port: address.port } : listener
    this.#server = server
    onConnection(
      server,
      (socket) => {
        this.#accepted++
        owner.accept(socket, this)
      },
      // ECONNABORTED: the client left before it was accepted, which is no shortage.
      (error) => error.code === 'ECONNABORTED' || owner.shortage(error.code ?? error.message),
    )
  }

  /** Rejects with the system's error. */
  static async open({ id, listener, descriptor }: SocketOrder, owner: SocketOwner): Promise<ListeningSocket> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    if (descriptor !== undefined) server.listen({ fd: descriptor, backlog: BACKLOG })
    else if ('path' in listener) await listenAt(server, listener, id)
    else server.listen({ host: listener.address, port: listener.port, reusePort: true, backlog: BACKLOG })
    if (!server.listening) await once(server, 'listening')
    return new ListeningSocket(id, listener, server, owner)
  }

  /** As control plane and other workers know it. */
  get open(): OpenSocket {
    return { id: this.id, listener: this.listener, descriptor: this.#server._handle?.fd }
  }

  /**
   * Gives the socket and the connections that wait in its queue to another worker, through that port. Only Node.js 26 can
   * do that, and only for ports: returns whether it could.
   */
  handOver(to: MessagePort): boolean {
    try {
      to.postMessage(this.#server, [this.#server as unknown as Transferable])
      return true
    } catch {
      return false
    } finally {
      to.close()
    }
  }

  /** Undefined if the other worker could not give it. */
  static async takeOver(
    id: number,
    listener: Listener,
    from: MessagePort,
    owner: SocketOwner,
  ): Promise<ListeningSocket | undefined> {
    const { promise, resolve } = Promise.withResolvers<ListeningSocket | undefined>()
    // Not later, since it accepts connections from now on.
    from.once('message', (server: Server) => resolve(new ListeningSocket(id, listener, server, owner)))
    from.once('close', () => resolve(undefined))
    return promise
  }

  /** Closes the socket at once. What waits in its queue is lost, unless another process has the socket, too. */
  close(): void {
    this.isClosed = true
    this.#server.close()
  }

  /** Closes the socket after everything that waits in its queue has been accepted. */
  async closeEmpty(): Promise<void> {
    this.isClosed = true
    const { promise, resolve } = Promise.withResolvers<void>()
    const latest = performance.now() + LAST_CALL
    let before = -1
    // Between two of these, the event loop polls the socket once.
    const look = () => {
      if (this.#accepted === before || performance.now() > latest) return resolve()
      before = this.#accepted
      setImmediate(look)
    }
    look()
    await promise
    this.close()
  }
}

/**
 * Listens on a Unix socket that takes the place of whatever has its path, in one step and with its permissions: a client
 * always finds one of the two. Node.js removes the name under which a socket was opened when it closes, which is not the
 * path for that reason.
 */
async function listenAt(server: Server, { path, mode }: SocketListener, id: number): Promise<void> {
  const name = join(dirname(path), `.${process.pid.toString(36)}-${id.toString(36)}`)
  server.listen({ path: name, backlog: BACKLOG })
  await once(server, 'listening')
  chmodSync(name, mode)
  renameSync(name, path)
}
