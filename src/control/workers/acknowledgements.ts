/** Which generation of the Snapshot each worker serves, as far as it has said so. */
export class Acknowledgements {
  /** By worker slot. */
  readonly #generations = new Map<number, number>()
  readonly #awaited = new Set<{ readonly generation: number; resolve(): void }>()
  #isClosed = false

  add(slot: number, generation: number): void {
    this.#generations.set(slot, Math.max(this.#generations.get(slot) ?? 0, generation))
    this.#settle()
  }

  /** The worker in that slot has ended, and has no successor. */
  forget(slot: number): void {
    this.#generations.delete(slot)
    this.#settle()
  }

  /** Resolves once no worker serves an older generation. */
  async reach(generation: number): Promise<void> {
    if (this.#isClosed || this.#oldest >= generation) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const awaited = { generation, resolve }
    this.#awaited.add(awaited)
    await promise
    this.#awaited.delete(awaited)
  }

  /** No worker is left to apply anything. */
  close(): void {
    this.#isClosed = true
    for (const { resolve } of this.#awaited) resolve()
  }

  #settle(): void {
    for (const awaited of this.#awaited) if (awaited.generation <= this.#oldest) awaited.resolve()
  }

  /** The oldest generation that a worker may still serve. */
  get #oldest(): number {
    return Math.min(...this.#generations.values())
  }
}
