import type { CheckTiming } from '../runtime/snapshot.ts'

/**
 * Whether a server is up, by its checks. As in HAProxy, that is one level: `rise` and more is up. While a server is down,
 * each passed check raises its level by one, and a failed one sets it to 0; while it is up, each failed check lowers the
 * level by one, and a passed one sets it to the top. It begins next to the border, so that the first check decides.
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
