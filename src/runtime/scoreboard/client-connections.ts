import { ADDRESS_CELLS, MAX_WORKERS } from '../bounds.ts'
import { SipHash } from '../sip-hash.ts'
import type { Regions } from './layout.ts'

/** Clients' connections: all of them, and those of each address. A worker counts in cells of its own. */
export class ClientConnections {
  readonly #connections: Int32Array
  /** An address is counted in one cell of each of a worker's two rows, by two independent hashes. */
  readonly #addresses: Int32Array
  readonly #hash: SipHash

  constructor({ connections, addresses, addressKey }: Regions) {
    this.#connections = connections
    this.#addresses = addresses
    this.#hash = new SipHash(addressKey)
  }

  /** A connection of the client at that address (its octets) opens (1) or closes (-1). */
  countConnection(worker: number, address: Uint8Array, change: 1 | -1): void {
    const rows = worker * 2 * ADDRESS_CELLS
    this.#hash.hash(address)
    this.#connections[worker]! += change
    this.#addresses[rows + firstCell(this.#hash)]! += change
    this.#addresses[rows + secondCell(this.#hash)]! += change
  }

  /** Clients' connections, all workers together. */
  connections(): number {
    return sumOverWorkers(this.#connections, 0, 1)
  }

  /**
   * Connections of the client at that address, all workers together: an estimate that is never too low, and too high
   * only where other addresses share both of its cells (a count-min sketch, Cormode and Muthukrishnan, 2005).
   */
  connectionsFrom(address: Uint8Array): number {
    this.#hash.hash(address)
    return Math.min(
      sumOverWorkers(this.#addresses, firstCell(this.#hash), 2 * ADDRESS_CELLS),
      sumOverWorkers(this.#addresses, secondCell(this.#hash), 2 * ADDRESS_CELLS),
    )
  }

  /** The connections of a dead worker are closed. */
  forget(worker: number): void {
    this.#connections[worker] = 0
    this.#addresses.fill(0, worker * 2 * ADDRESS_CELLS, (worker + 1) * 2 * ADDRESS_CELLS)
  }
}

function sumOverWorkers(cells: Int32Array, at: number, stride: number): number {
  let sum = 0
  for (let worker = 0; worker < MAX_WORKERS; worker++) sum += cells[at + worker * stride]!
  return sum
}

/** An address's cell in the first row. */
function firstCell({ low }: SipHash): number {
  return low & (ADDRESS_CELLS - 1)
}

/** Its cell in the second row. */
function secondCell({ high }: SipHash): number {
  return ADDRESS_CELLS + (high & (ADDRESS_CELLS - 1))
}
