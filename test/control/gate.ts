const Cell = { Arrived: 0, Allowed: 1 } as const

/** Where one thread waits until another lets it go on. */
export class Gate {
  readonly memory: SharedArrayBuffer
  readonly #cells: Int32Array<SharedArrayBuffer>

  /** @param memory another thread's; left out: a new one */
  constructor(memory = new SharedArrayBuffer(8)) {
    this.memory = memory
    this.#cells = new Int32Array(memory)
  }

  /** Stops this thread here, unless it has come here less often than it is allowed to pass. */
  pass(): void {
    const arrived = Atomics.add(this.#cells, Cell.Arrived, 1) + 1
    Atomics.notify(this.#cells, Cell.Arrived)
    for (;;) {
      const allowed = Atomics.load(this.#cells, Cell.Allowed)
      if (allowed >= arrived) return
      Atomics.wait(this.#cells, Cell.Allowed, allowed)
    }
  }

  /** Resolves once the other thread has come here so many times. */
  async arrivals(count: number): Promise<void> {
    for (;;) {
      const arrived = Atomics.load(this.#cells, Cell.Arrived)
      if (arrived >= count) return
      await Atomics.waitAsync(this.#cells, Cell.Arrived, arrived).value
    }
  }

  /** Lets the other thread pass so many times in all. */
  allow(count: number): void {
    Atomics.store(this.#cells, Cell.Allowed, count)
    Atomics.notify(this.#cells, Cell.Allowed)
  }
}
