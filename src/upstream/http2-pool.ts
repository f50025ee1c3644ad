import type { ClientSession } from '../http2/session/client-session.ts'
import { now } from '../runtime/clock.ts'
import type { KeepAlive } from '../runtime/snapshot.ts'
import { isSpent, longestRest } from './keep-alive.ts'
import type { PlacedStream, SharedConnection } from './shared-connection.ts'

/** For how long a server that chose HTTP/1.1 is not asked again, in ms. */
const HTTP1_FOR = 60_000

/**
 * A worker's HTTP/2 connections to one server. Streams share them: a stream goes to the connection that was opened first, of
 * those that have room. So there are as few as the load needs, and those that it no longer needs become idle.
 */
export class Http2Pool {
  /** In the order in which they were opened. */
  readonly #connections: SharedConnection[] = []
  #settings: KeepAlive
  #isClosed = false
  #http1Until = 0
  /** How many streams the server last accepted on a connection. A server should accept a hundred (RFC 9113 §6.5.2). */
  mostStreams = 100
  /** Whether the server knows the extended CONNECT of RFC 8441; undefined while that is not known. */
  takesConnect: boolean | undefined

  constructor(settings: KeepAlive) {
    this.#settings = settings
  }

  /** Puts the stream on a connection that has room, or is being opened; else on a new one. */
  place(stream: PlacedStream): void {
    if (stream.need !== 'new') {
      for (const connection of this.#connections) if (connection.take(stream)) return
    }
    const connection = stream.connect()
    this.#connections.push(connection)
    connection.take(stream)
  }

  /** The server's settings on a connection hold for others, too. */
  learn({ room, size, takesConnect }: ClientSession): void {
    this.mostStreams = Math.max(1, room + size)
    this.takesConnect = takesConnect
  }

  /** Whether the server has chosen HTTP/1.1 where it could have HTTP/2. */
  get speaksHttp1(): boolean {
    return this.#http1Until > 0 && now() < this.#http1Until
  }

  choseHttp1(): void {
    this.#http1Until = now() + HTTP1_FOR
  }

  /** Whether a connection has served its time. */
  isSpent({ age, opened }: SharedConnection): boolean {
    return isSpent(this.#settings, opened, age)
  }

  /** The connection has no streams: it is kept, unless enough others are idle. */
  rest(connection: SharedConnection): void {
    const { connections } = this.#settings
    const others = this.#connections.reduce((count, each) => count + (each.isResting && each !== connection ? 1 : 0), 0)
    if (this.#isClosed || others >= connections || this.isSpent(connection)) return connection.leave()
    connection.rest(longestRest(this.#settings, connection.age))
  }

  remove(connection: SharedConnection): void {
    const index = this.#connections.indexOf(connection)
    if (index >= 0) this.#connections.splice(index, 1)
  }

  /** Changes the settings: closes connections that are too many now. */
  apply(settings: KeepAlive): void {
    this.#settings = settings
    const resting = this.#connections.filter(({ isResting }) => isResting)
    for (const connection of resting.slice(settings.connections)) connection.leave()
  }

  /** Closes idle connections now, and the others once they are idle. */
  close(): void {
    this.#isClosed = true
    for (const connection of [...this.#connections]) connection.leave()
  }
}
