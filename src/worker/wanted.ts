import { now } from '../runtime/clock.ts'

/** How many things clients may wait for, and how many clients for each. Others get what there is. */
const MOST_THINGS = 1000
const MOST_WAITING = 100
/** For how long a thing that was asked for is not asked for again, in ms. */
const NOT_AGAIN_FOR = 10_000

/** Things by their names that clients wait for until the control plane has obtained them, or will not. */
export class Wanted {
  readonly #report: (name: string) => void
  readonly #refuse: (name: string) => void
  readonly #waiting = new Map<string, (() => void)[]>()
  /** Since when there is none; oldest first. */
  readonly #refused = new Map<string, number>()

  /**
   * @param report has that thing obtained
   * @param refuse is told that a client cannot wait for it, since too many wait
   */
  constructor(report: (name: string) => void, refuse: (name: string) => void) {
    this.#report = report
    this.#refuse = refuse
  }

  get isWaitedFor(): boolean {
    return this.#waiting.size > 0
  }

  /** Whether a client waits, until `settled` is called. */
  add(name: string, settled: () => void): boolean {
    const refusedAt = this.#refused.get(name)
    if (refusedAt !== undefined && now() - refusedAt < NOT_AGAIN_FOR) return false
    const waiting = this.#waiting.get(name)
    if (waiting === undefined ? this.#waiting.size >= MOST_THINGS : waiting.length >= MOST_WAITING) {
      this.#refuse(name)
      return false
    }
    if (waiting !== undefined) {
      waiting.push(settled)
      return true
    }
    this.#waiting.set(name, [settled])
    this.#report(name)
    return true
  }

  /** It is not there now, or it is as new as can be. */
  settle(name: string): void {
    this.#refused.delete(name)
    if (this.#refused.size >= MOST_THINGS) this.#refused.delete(this.#refused.keys().next().value!)
    this.#refused.set(name, now())
    this.release(name)
  }

  /** It is there. */
  release(name: string): void {
    const waiting = this.#waiting.get(name) ?? []
    this.#waiting.delete(name)
    for (const settled of waiting) settled()
  }
}
