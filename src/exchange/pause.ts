import { type Deadlines, Timed } from '../runtime/deadlines.ts'
import type { Upstream } from '../runtime/snapshot.ts'

/** Whether the operator has paused an upstream, so that its requests wait. It ends by itself. */
export class Pause extends Timed {
  readonly #deadlines: Pick<Deadlines, 'set' | 'remove'>
  readonly #ended: () => void
  #settings: Upstream['pause']
  #isOn = false

  /** @param ended called when its time is over, but not when it is lifted before */
  constructor(deadlines: Pick<Deadlines, 'set' | 'remove'>, ended: () => void) {
    super()
    this.#deadlines = deadlines
    this.#ended = ended
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** The time until it ends, in whole s; at least 1. */
  get secondsLeft(): number {
    return Math.max(1, Math.ceil(this.#timeLeft / 1000))
  }

  /** In ms. The end is a time of day, so that a worker that starts in the middle of a pause ends it with all others. */
  get #timeLeft(): number {
    return this.#settings === undefined ? 0 : this.#settings.until - Date.now()
  }

  /** Begins, goes on with another end, or is lifted. */
  apply(settings: Upstream['pause']): void {
    if (settings === this.#settings) return
    this.#settings = settings
    const left = this.#timeLeft
    this.#isOn = left > 0
    if (this.#isOn) this.#deadlines.set(this, left)
    else this.#deadlines.remove(this)
  }

  override expire(): void {
    this.#isOn = false
    this.#ended()
  }
}
