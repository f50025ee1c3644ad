import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { AdminServer } from './admin-server.ts'

export interface PortPlace {
  readonly address: string
  /** 0: any free port. */
  readonly port: number
}

export interface SocketPlace {
  /** The path of a Unix socket. */
  readonly socket: string
}

/** Where the admin API listens. */
export type AdminPlace = PortPlace | SocketPlace

/** The maximum of connections. One more is closed at once. */
const MAX_CONNECTIONS = 128

/**
 * Listens for clients of the admin API. The API itself, with its libraries, is loaded with the first connection, because
 * most Limpets are never asked.
 */
export class AdminListener {
  /** With a real port in place of 0. */
  readonly place: AdminPlace
  readonly #listener: Server
  readonly #sockets = new Set<Socket>()

  private constructor(place: AdminPlace, listener: Server, load: () => Promise<AdminServer>) {
    this.place = place
    this.#listener = listener
    let loaded: Promise<AdminServer> | undefined
    listener.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => socket.destroy())
      loaded ??= load()
      void loaded.then(
        (server) => server.accept(socket),
        () => socket.destroy(),
      )
    })
  }

  /**
   * Resolves once it listens; rejects with the system's error if it cannot. A socket can be used by this user only, from
   * the first moment.
   */
  static async start(place: AdminPlace, load: () => Promise<AdminServer>): Promise<AdminListener> {
    // Nobody reads before the API is there.
    const listener = createServer({ pauseOnConnect: true })
    listener.maxConnections = MAX_CONNECTIONS
    if ('socket' in place) listenPrivately(listener, place.socket)
    else listener.listen({ host: place.address, port: place.port, exclusive: true })
    await once(listener, 'listening')
    const bound = listener.address()
    const isPort = 'port' in place && bound !== null && typeof bound === 'object'
    return new AdminListener(isPort ? { address: place.address, port: bound.port } : place, listener, load)
  }

  /** Ends at once, without waiting for requests: its clients are programs that can try again. */
  async close(): Promise<void> {
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

/** Node binds a socket within the call, so that its file never has other permissions than these. */
function listenPrivately(listener: Server, path: string): void {
  const mask = process.umask(0o177)
  try {
    listener.listen({ path })
  } finally {
    process.umask(mask)
  }
}
