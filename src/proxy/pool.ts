import type { KeepAlive } from '../snapshot.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

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

  /** The time when the connection that `take` would give was put back; -Infinity if there is none. */
  get freshest(): number {
    return this.#idle.at(-1)?.idleSince ?? -Infinity
  }

  /** Keeps the connection, or closes the one that has been idle for longest if there are enough. */
  put(connection: UpstreamConnection): void {
    if (this.#settings.connections === 0) return connection.destroy()
    if (this.#idle.length >= this.#settings.connections) this.#idle.shift()?.destroy()
    this.#idle.push(connection)
    connection.rest(this.#settings.idle)
  }

  remove(connection: UpstreamConnection): void {
    const index = this.#idle.lastIndexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
  }

  closeAll(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }
}
