import type { KeepAlive } from '../runtime/snapshot.ts'
import { FRESH, isSpent, longestRest } from './keep-alive.ts'

/** A connection that serves one exchange after another. */
export interface Pooled {
  /** The number of exchanges that it has completed. */
  readonly served: number
  /** How long ago it was opened, in ms. */
  readonly age: number
  /** When it was put back, in ms on the clock of the deadlines. */
  readonly idleSince: number
  /** Whether it has been idle for long enough to show that the server did not close it after its last response. */
  readonly isSettled: boolean
  /** Whether the server has not closed it by now. */
  readonly isOpen: boolean
  /** Waits for the next exchange, for at most `ms`; Infinity for no limit. */
  rest(ms: number): void
  /** Closes it at once. */
  destroy(): void
}

/** The idle connections that a worker keeps to one server; the last one put back is the first one taken. */
export class Pool<Connection extends Pooled> {
  readonly #idle: Connection[] = []
  #settings: KeepAlive
  #isClosed = false

  constructor(settings: KeepAlive) {
    this.#settings = settings
  }

  /** Changes the settings: closes connections that are too many now; the rest applies to one when it is next put back. */
  apply(settings: KeepAlive): void {
    this.#settings = settings
    while (this.#idle.length > settings.connections) this.#idle.shift()!.destroy()
  }

  take(): Connection | undefined {
    return this.#idle.pop()
  }

  /**
   * A connection for a request that could not be sent again if the connection turned out to be closed: one that was in use
   * a moment ago, but has been idle for long enough to show whether the server closed it after its last response.
   *
   * @param now ms on the clock of the deadlines
   * @param asks whether the kernel is asked, too, if it is open at this very moment, which takes some µs
   */
  takeProven(now: number, asks = false): Connection | undefined {
    for (let index = this.#idle.length - 1; index >= 0; index--) {
      const connection = this.#idle[index]!
      if (now - connection.idleSince > FRESH) return undefined
      if (!connection.isSettled) continue
      this.#idle.splice(index, 1)
      if (!asks || connection.isOpen) return connection
      connection.destroy()
    }
    return undefined
  }

  /** Keeps the connection unless it is spent; if there are enough, closes the one that has been idle for longest. */
  put(connection: Connection): void {
    const settings = this.#settings
    const { connections } = settings
    const { served, age } = connection
    if (this.#isClosed || connections === 0 || isSpent(settings, served, age)) return connection.destroy()
    if (this.#idle.length >= connections) this.#idle.shift()?.destroy()
    this.#idle.push(connection)
    connection.rest(longestRest(settings, age))
  }

  remove(connection: Connection): void {
    const index = this.#idle.lastIndexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
  }

  /** Closes all idle connections, and each other one once it is put back. */
  close(): void {
    this.#isClosed = true
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }
}
