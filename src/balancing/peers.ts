import { type ServerState, UNLIMITED } from './server-state.ts'

/** Servers of the same weight, and the least busy of them. */
export class Peers {
  readonly weight: number
  /** After `look`: the fewest requests in flight of any of them; UNLIMITED if none may be chosen. */
  least = UNLIMITED
  /** After `look`: how many of them have that few, if they were counted; else at least one. */
  ties = 0
  /** nginx's current weight, of all of them together. */
  sum = 0
  readonly #servers: readonly ServerState[]
  readonly #inFlights: Int32Array
  readonly #slots: Uint16Array
  /** How many requests each may have in flight. */
  readonly #limits: Int32Array
  /** The index that comes first among equals. */
  #next = 0
  #best = -1

  constructor(weight: number, servers: readonly ServerState[], inFlights: Int32Array) {
    this.weight = weight
    this.#servers = servers
    this.#inFlights = inFlights
    this.#slots = Uint16Array.from(servers, (server) => server.settings.slot)
    this.#limits = Int32Array.from(servers, (server) => server.limit)
  }

  /** Finds the least busy server; among equals, the first one after the one that was taken last. */
  look(avoid: readonly ServerState[], countsTies: boolean): void {
    this.#best = -1
    this.least = UNLIMITED
    this.ties = 0
    this.#scan(this.#next, this.#slots.length, avoid, countsTies)
    if (this.least > 0 || countsTies) this.#scan(0, this.#next, avoid, countsTies)
  }

  /** The server that `look` found; the search starts after it from now on. */
  take(): ServerState | undefined {
    if (this.#best >= 0) this.#next = (this.#best + 1) % this.#slots.length
    return this.#servers[this.#best]
  }

  #scan(from: number, to: number, avoid: readonly ServerState[], countsTies: boolean): void {
    const inFlights = this.#inFlights
    const slots = this.#slots
    let least = this.least
    for (let index = from; index < to; index++) {
      const load = inFlights[slots[index]!]!
      if (load > least || (load === least && !countsTies) || !this.#isOpen(index, load, avoid)) continue
      if (load === least) {
        this.ties++
        continue
      }
      this.#best = index
      this.ties = 1
      least = load
      // No server can be less busy.
      if (load === 0 && !countsTies) break
    }
    this.least = least
  }

  #isOpen(index: number, load: number, avoid: readonly ServerState[]): boolean {
    return load < this.#limits[index]! && (avoid.length === 0 || !avoid.includes(this.#servers[index]!))
  }
}
