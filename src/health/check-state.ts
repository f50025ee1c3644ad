import type { CheckTiming } from '../runtime/health-settings.ts'

/**
 * Whether a server is up, by its checks. As in HAProxy, this is one level: from `rise` on, the server is up. While it
 * is down, each passed check raises the level by one, and a failed one sets it to 0; while it is up, each failed check
 * lowers the level by one, and a passed one sets it to the maximum. It begins next to the threshold, so that the first
 * check decides.
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

  /** The server failed a check. Returns whether that brought it down. */
  failed(): boolean {
    const wasUp = this.isUp
    this.#level--
    if (!this.isUp) this.#level = 0
    return this.isUp !== wasUp
  }
}
