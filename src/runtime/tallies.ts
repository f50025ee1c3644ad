import {
  newTallyMemory,
  SERVER_CELLS,
  ServerCell,
  type TallyRegions,
  tallyRegionsOf,
  UPSTREAM_CELLS,
} from './tallies/layout.ts'

/**
 * What all workers have counted since the start, those included that have died, and what the control plane itself has; by slot
 * on the Scoreboard.
 */
export class Tallies {
  /** By worker slot. */
  readonly #memories: SharedArrayBuffer[] = []
  /** What the control plane counts. */
  readonly #own = tallyRegionsOf(newTallyMemory())
  #regions: readonly TallyRegions[] = [this.#own]

  /** The memory for the worker in that slot, which goes on with what its predecessors have counted. */
  memoryFor(worker: number): SharedArrayBuffer {
    this.#memories[worker] ??= newTallyMemory()
    this.#regions = [this.#own, ...this.#memories.filter((memory) => memory !== undefined).map(tallyRegionsOf)]
    return this.#memories[worker]
  }

  /** The control plane counts something itself. */
  count(cell: number): void {
    this.#own.worker[cell]!++
  }

  countOfServer(slot: number, cell: number): void {
    this.#own.servers[slot * SERVER_CELLS + cell]!++
  }

  /** What is no count, but was measured last. */
  set(cell: number, value: number): void {
    this.#own.worker[cell] = value
  }

  /** The cell of one worker; 0 if it has not been written. */
  ofWorker(worker: number, cell: number): number {
    const memory = this.#memories[worker]
    return memory === undefined ? 0 : tallyRegionsOf(memory).worker[cell]!
  }

  /** Nothing refers to that slot any more, and another name may get it. */
  zero(region: 'servers' | 'upstreams', slot: number): void {
    const size = region === 'servers' ? SERVER_CELLS : UPSTREAM_CELLS
    for (const regions of this.#regions) regions[region].fill(0, slot * size, (slot + 1) * size)
  }

  /**
   * All cells of a slot at once.
   *
   * @param sums has as many cells as a slot of that region, and gets the sums
   */
  read(region: keyof TallyRegions, slot: number, sums: Float64Array): void {
    sums.fill(0)
    const at = slot * sums.length
    for (const regions of this.#regions) {
      const cells = regions[region]
      for (let cell = 0; cell < sums.length; cell++) sums[cell]! += cells[at + cell]!
    }
  }

  /** When a server was last used, in s since 1970; 0 if it never was. */
  usedAt(slot: number): number {
    const cell = slot * SERVER_CELLS + ServerCell.UsedAt
    return this.#regions.reduce((latest, { servers }) => Math.max(latest, servers[cell]!), 0)
  }
}
