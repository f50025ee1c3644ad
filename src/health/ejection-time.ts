import type { Outlier } from '../runtime/health-settings.ts'

/**
 * How long a server is ejected: `ejectFor` the first time, twice that the second time, and so on, up to `maxEjectFor`.
 * Each interval without an ejection takes one time back (Envoy's outlier detection).
 */
export class EjectionTime {
  #settings: Outlier
  #times = 0

  constructor(settings: Outlier) {
    this.#settings = settings
  }

  /** Takes over other settings. */
  apply(settings: Outlier): void {
    this.#settings = settings
  }

  /** Counts another ejection; returns its length in ms. */
  next(): number {
    const { ejectFor, maxEjectFor } = this.#settings
    if (this.#times * ejectFor < maxEjectFor) this.#times++
    return Math.min(this.#times * ejectFor, maxEjectFor)
  }

  /** Counts an interval without an ejection. */
  calm(): void {
    this.#times = Math.max(0, this.#times - 1)
  }
}
