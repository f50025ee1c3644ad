import { now } from '../runtime/clock.ts'
import type { Snapshot } from '../runtime/snapshot.ts'

/** How many hosts clients may wait for, and how many clients for each. Others get what there is. */
const MOST_HOSTS = 1000
const MOST_WAITING = 100
/** For how long a host for which there was no certificate is not asked for again, in ms. */
const NOT_AGAIN_FOR = 10_000

/** The hosts for which clients wait until a certificate was obtained, or will not be. */
export class WantedCertificates {
  readonly #report: (host: string) => void
  readonly #refuse: (host: string) => void
  readonly #waiting = new Map<string, (() => void)[]>()
  /** Since when there is none; oldest first. */
  readonly #refused = new Map<string, number>()

  /**
   * @param report has a certificate obtained for that host
   * @param refuse is told that a client cannot wait for that of the host, since too many wait
   */
  constructor(report: (host: string) => void, refuse: (host: string) => void) {
    this.#report = report
    this.#refuse = refuse
  }

  /** Whether a client waits, until `settled` is called. */
  add(host: string, settled: () => void): boolean {
    const refusedAt = this.#refused.get(host)
    if (refusedAt !== undefined && now() - refusedAt < NOT_AGAIN_FOR) return false
    const waiting = this.#waiting.get(host)
    if (waiting === undefined ? this.#waiting.size >= MOST_HOSTS : waiting.length >= MOST_WAITING) {
      this.#refuse(host)
      return false
    }
    if (waiting !== undefined) {
      waiting.push(settled)
      return true
    }
    this.#waiting.set(host, [settled])
    this.#report(host)
    return true
  }

  /** There is no certificate for that host now. */
  settle(host: string): void {
    this.#refused.delete(host)
    if (this.#refused.size >= MOST_HOSTS) this.#refused.delete(this.#refused.keys().next().value!)
    this.#refused.set(host, now())
    this.#release(host)
  }

  /** That Snapshot is in effect. */
  apply({ certificates = [] }: Snapshot): void {
    if (this.#waiting.size === 0) return
    for (const { hosts } of certificates) for (const host of hosts) this.#release(host)
  }

  #release(host: string): void {
    const waiting = this.#waiting.get(host) ?? []
    this.#waiting.delete(host)
    for (const settled of waiting) settled()
  }
}
