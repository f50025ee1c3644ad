import { type ServerState, UNLIMITED } from './server-state.ts'

/** Servers of the same weight, and the least busy of them. */
export class Peers {
  readonly weight: number
  /** After `look`: the fewest requests that one of them has in flight; more than any where none may be chosen. */
  least = UNLIMITED
  /** After `look`: how many of them have that few, or at least one where it was not asked for. */
  ties = 0
  /** nginx's current weight, of all of them together. */
  sum = 0
  readonly #servers: readonly ServerState[]
  readonly #inFlights: Int32Array
  readonly #slots: Uint16Array
  /** How many requests each may have in flight. */
  readonly #limits: Int32Array
  /** Which comes first among equals. */
  #next = 0
  #best = -1

  constructor(weight: number, servers: readonly ServerState[], inFlights: Int32Array) {
    this.weight = weight
    this.#servers = servers
    this.#inFlights = inFlights
    this.#slots = Uint16Array.from(servers, (server) => server.settings.slot)
    this.#limits = Int32Array.from(servers, (server) => server.limit)
  }

  /** Finds the least busy; of several, the first from the one after the last taken. */
  look(avoid: readonly ServerState[], countsTies: boolean): void {
    this.#best = -1
    this.least = UNLIMITED
    this.ties = 0
    this.#scan(this.#next, this.#slots.length, avoid, countsTies)
    if (this.least > 0 || countsTies) this.#scan(0, this.#next, avoid, countsTies)
  }

  /** The one that `look` found; the next one comes first from now on. */
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
      // Nobody can be less busy.
      if (load === 0 && !countsTies) break
    }
    this.least = least
  }

  #isOpen(index: number, load: number, avoid: readonly ServerState[]): boolean {
    return load < this.#limits[index]! && (avoid.length === 0 || !avoid.includes(this.#servers[index]!))
  }
}
