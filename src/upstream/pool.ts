import type { KeepAlive } from '../runtime/snapshot.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

/** A connection that rested for longer may be half closed already, as far as anyone can know, in ms. */
const FRESH = 1000

/** The idle connections that a worker keeps to one server; the last one put back is the first one taken. */
export class Pool {
  readonly #settings: KeepAlive
  readonly #idle: UpstreamConnection[] = []

  constructor(settings: KeepAlive) {
    this.#settings = settings
  }

  take(): UpstreamConnection | undefined {
    return this.#idle.pop()
  }

  /**
   * A connection for a request that could not be sent again if it turned out to be closed: one that was in use a moment
   * ago, and long enough for its end to have shown if the server closed it behind its answer.
   *
   * @param now ms on the clock of the deadlines
   */
  takeProven(now: number): UpstreamConnection | undefined {
    for (let index = this.#idle.length - 1; index >= 0; index--) {
      const connection = this.#idle[index]!
      if (now - connection.idleSince > FRESH) return undefined
      if (connection.isSettled) return this.#idle.splice(index, 1)[0]
    }
    return undefined
  }

  /** Keeps the connection, unless it has served its time; closes the one that has been idle for longest if there are enough. */
  put(connection: UpstreamConnection): void {
    const { connections, idle, requestsPerConnection, maxAge } = this.#settings
    const isSpent = requestsPerConnection > 0 && connection.served >= requestsPerConnection
    const ageLeft = maxAge === 0 ? Infinity : maxAge - connection.age
    if (connections === 0 || isSpent || ageLeft <= 0) return connection.destroy()
    if (this.#idle.length >= connections) this.#idle.shift()?.destroy()
    this.#idle.push(connection)
    connection.rest(Math.min(idle || Infinity, ageLeft))
  }

  remove(connection: UpstreamConnection): void {
    const index = this.#idle.lastIndexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
  }

  closeAll(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }
}
