/** Memory that many share. Whoever would take more asks first whether it is used up, and then does without. */
export class MemoryBudget {
  readonly #size: number
  #used = 0

  /** @param size in bytes */
  constructor(size: number) {
    this.#size = size
  }

  get isUsedUp(): boolean {
    return this.#used >= this.#size
  }

  take(size: number): void {
    this.#used += size
  }

  giveBack(size: number): void {
    this.#used -= size
  }
}
