import { MAX_SERVERS } from '../bounds.ts'
import type { Regions } from './layout.ts'

/**
 * In a server's cell: the slot of the server to which its sessions go, plus one (0 for none), and above it how many may still
 * go.
 */
const TO_BITS = Math.log2(MAX_SERVERS) + 1
const ONE = 2 ** TO_BITS
const TO = ONE - 1
/** The most sessions that may be allowed to leave a server at once. */
export const MAX_DEPARTURES = 0x7fff_ffff >>> TO_BITS

/**
 * How many of its sessions each server may give up at present, and to which server. The control plane allows them, and workers
 * take them one by one.
 */
export class Departures {
  readonly #cells: Int32Array

  constructor({ departures }: Regions) {
    this.#cells = departures
  }

  /** From now on so many sessions may leave the server, for that one. */
  allow(server: number, to: number, count: number): void {
    Atomics.store(this.#cells, server, count * ONE + to + 1)
  }

  /** From now on no session may leave the server. Returns how many of those that were allowed have not left. */
  stop(server: number): number {
    return Atomics.exchange(this.#cells, server, 0) >>> TO_BITS
  }

  /** The slot of the server for which sessions leave this one, or have just left; -1 if there is none. */
  destination(server: number): number {
    return (this.#cells[server]! & TO) - 1
  }

  /** Whether another session may leave the server. */
  isOpen(server: number): boolean {
    return this.#cells[server]! >= ONE
  }

  /** A session leaves the server for that one; returns whether it may. */
  take(server: number, to: number): boolean {
    let cell = Atomics.load(this.#cells, server)
    while (cell >= ONE && (cell & TO) === to + 1) {
      const found = Atomics.compareExchange(this.#cells, server, cell, cell - ONE)
      if (found === cell) return true
      cell = found
    }
    return false
  }
}
