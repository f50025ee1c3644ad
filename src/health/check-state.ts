import type { CheckTiming } from '../runtime/snapshot.ts'

/**
 * Whether a server is up, by its checks. As in HAProxy, that is one whole number: `rise` and more is up. A server that is
 * down climbs by each check that it passes and falls to 0 by one that it fails; one that is up falls by each that it
 * fails, from the top, and is back at the top by one that it passes. It begins at the edge, so that the first check
 * decides.
 */
export class CheckState {
  readonly #rise: number
  readonly #top: number
  #level: number

  constructor({ rise, fall, initial }: Pick<CheckTiming, 'rise' | 'fall' | 'initial'>) {
    this.#rise = rise
    this.#top = rise + fall - 1
    this.#level = initial === 'up' ? rise : rise - 1
  }

  get isUp(): boolean {
    return this.#level >= this.#rise
  }

  /** The server passed a check. Returns whether that brought it up. */
  passed(): boolean {
    const wasUp = this.isUp
    this.#level++
    if (this.isUp) this.#level = this.#top
    return this.isUp !== wasUp
  }

  /** The server failed a check. Returns whether that took it down. */
  failed(): boolean {
    const wasUp = this.isUp
    this.#level--
    if (!this.isUp) this.#level = 0
    return this.isUp !== wasUp
  }
}
