import type { Outlier } from '../runtime/snapshot.ts'

/**
 * For how long a server is ejected: `ejectFor` the first time, twice that the second, and so on, up to `maxEjectFor`. Every
 * interval that it gets through takes one time back (Envoy's outlier detection).
 */
export class EjectionTime {
  #settings: Outlier
  #times = 0

  constructor(settings: Outlier) {
    this.#settings = settings
  }

  /** Other settings, for the same server. */
  apply(settings: Outlier): void {
    this.#settings = settings
  }

  /** The server is ejected once more; returns for how many ms. */
  next(): number {
    const { ejectFor, maxEjectFor } = this.#settings
    if (this.#times * ejectFor < maxEjectFor) this.#times++
    return Math.min(this.#times * ejectFor, maxEjectFor)
  }

  /** The server got through an interval. */
  calm(): void {
    this.#times = Math.max(0, this.#times - 1)
  }
}
