import { once } from 'node:events'
import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'

/** Takes over connections, which are paused. */
export interface ConnectionUser {
  accept(socket: Socket): void
  /** Ends what goes on without an end, such as streams. Resolves once its clients know, as far as they read. */
  end?(): Promise<void>
}

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
/** How long requests in flight may take once another process listens, in ms. */
const LAST_ANSWERS = 1000

/**
 * Listens for clients of the admin API, or of the metrics. The API itself, with its libraries, is loaded with the first connection, because
 * most Limpets are never asked.
 */
export class AdminListener {
  /** With a real port in place of 0. */
  readonly place: AdminPlace
  readonly #listener: Server
  readonly #sockets = new Set<Socket>()
  #loaded: Promise<ConnectionUser> | undefined
  /** Of the socket's file. */
  readonly #inode: number | undefined
  /** Resolves once it is closed, and its last connection: sockets tell of their own end after that. */
  readonly #closed: Promise<unknown>
  #isLeft = false

  private constructor(place: AdminPlace, listener: Server, load: () => Promise<ConnectionUser>) {
    this.place = place
    this.#listener = listener
    this.#closed = once(listener, 'close')
    this.#inode = inodeOf(place)
    listener.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => socket.destroy())
      this.#loaded ??= load()
      void this.#loaded.then(
        (server) => server.accept(socket),
        () => socket.destroy(),
      )
    })
  }

  /**
   * Resolves once it listens; rejects with the system's error if it cannot. A socket can be used by this user only, from
   * the first moment.
   *
   * @param descriptor of a socket that listens there already
   */
  static async start(
    place: AdminPlace,
    load: () => Promise<ConnectionUser>,
    descriptor?: number,
  ): Promise<AdminListener> {
    // Nobody reads before the API is there.
    const listener = createServer({ pauseOnConnect: true })
    listener.maxConnections = MAX_CONNECTIONS
    if (descriptor !== undefined) listener.listen({ fd: descriptor })
    else if ('socket' in place) listenPrivately(listener, place.socket)
    else listener.listen({ host: place.address, port: place.port, exclusive: true })
    await once(listener, 'listening')
    if (descriptor === undefined && 'socket' in place) renameSync(nameBefore(place.socket), place.socket)
    const bound = listener.address()
    const isPort = 'port' in place && bound !== null && typeof bound === 'object'
    return new AdminListener(isPort ? { address: place.address, port: bound.port } : place, listener, load)
  }

  /** The file descriptor on which it listens; undefined if it is not known. */
  get descriptor(): number | undefined {
    return (this.#listener as Server & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd
  }

  /** Accepts no more connections, since another process has the socket; requests in flight are still answered, streams end. */
  leave(): void {
    this.#isLeft = true
    this.#listener.close()
    void this.#endStreams()
    setTimeout(() => this.#destroyConnections(), LAST_ANSWERS).unref()
  }

  /** Closes all connections, without waiting for more than the ends of streams: its clients are programs that can try again. */
  async closeConnections(): Promise<void> {
    await this.#endStreams()
    this.#destroyConnections()
  }

  /** Ends at once, in the same way. */
  async close(): Promise<void> {
    if (!this.#isLeft) {
      // By now it may be the socket of another process.
      if ('socket' in this.place && inodeOf(this.place) === this.#inode) rmSync(this.place.socket, { force: true })
      this.#listener.close()
    }
    await this.closeConnections()
    await this.#closed
  }

  async #endStreams(): Promise<void> {
    const server = await this.#loaded?.catch(() => undefined)
    await server?.end?.()
  }

  #destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

/**
 * Node binds a socket within the call, so that its file never has other permissions than these. When it closes the socket, it
 * removes the name under which it was bound; the path stays for a process that has the socket, too.
 */
function listenPrivately(listener: Server, path: string): void {
  if (existsSync(path)) throw Object.assign(new Error(`${path} exists`), { code: 'EADDRINUSE' })
  const mask = process.umask(0o177)
  try {
    listener.listen({ path: nameBefore(path) })
  } finally {
    process.umask(mask)
  }
}

function inodeOf(place: AdminPlace): number | undefined {
  return 'socket' in place ? statSync(place.socket, { throwIfNoEntry: false })?.ino : undefined
}

function nameBefore(path: string): string {
  return join(dirname(path), `.${process.pid.toString(36)}`)
}
