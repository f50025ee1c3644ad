import { HealthBit } from '../runtime/health-bit.ts'
import type { ServerCounters } from '../runtime/scoreboard/server-counters.ts'

/** How much older a request's reading of the clock may be than the events that it is compared with, in ms. */
export const CLOCK_SLACK = 60_000

/** How long a server that is back and does not answer yet is suspended after a failure, in ms. */
const RETURN_PAUSE = 500

/**
 * The failures of one server, as all workers count them, by nginx's rules (ngx_http_upstream_round_robin.c): `maxFails` of them
 * within `failTimeout` suspend the server for `failTimeout`; then one live request probes it, and its success ends the suspension.
 */
export class Suspension {
  readonly #counters: ServerCounters
  readonly #slot: number
  /** In ms. */
  #failTimeout: number

  constructor(counters: ServerCounters, slot: number, failTimeout: number) {
    this.#counters = counters
    this.#slot = slot
    this.#failTimeout = failTimeout
  }

  set failTimeout(ms: number) {
    this.#failTimeout = ms
  }

  /** Whether it is suspended and no answer has ended that, so that a request to it is a probe. */
  get isOn(): boolean {
    return (this.#counters.health(this.#slot) & HealthBit.Suspended) !== 0
  }

  /** Whether it is suspended and not yet to be probed; `health` are its bits. */
  holds(now: number, health: number): boolean {
    return (health & HealthBit.Suspended) !== 0 && !this.#isOver(now, health)
  }

  /** In how many ms it may be probed. */
  untilProbe(now: number): number {
    const health = this.#counters.health(this.#slot)
    return Math.max(1, this.#window(health) - this.#age(now) + 1)
  }

  /** A request is about to be sent: whether it may. Of those that come at once to a suspended server, one may, as its probe. */
  admits(now: number): boolean | 'probe' {
    const health = this.#counters.health(this.#slot)
    const isFree = (health & HealthBit.Suspended) === 0 || (health & HealthBit.Panic) !== 0
    const before = this.#counters.checkedAt(this.#slot)
    if (!this.#isOver(now, health)) return isFree
    const moved = this.#counters.moveCheckedAt(this.#slot, before, now | 0)
    return isFree || (moved && 'probe')
  }

  /** One more probe begins: an answer after this moment ends the suspension. */
  probe(now: number): void {
    this.#counters.moveCheckedAt(this.#slot, this.#counters.checkedAt(this.#slot), now | 0)
  }

  /**
   * A request has failed.
   *
   * @param limit how many failures suspend the server
   * @returns whether it is suspended now, and whether it was before; undefined if it has not failed often enough
   */
  failed(now: number, limit: number): 'begun' | 'continued' | undefined {
    if (limit === 0 || this.#counters.addFail(this.#slot, now | 0) < limit) return undefined
    const before = this.#counters.setHealth(this.#slot, HealthBit.Suspended)
    // Another thread's success may have come in between, when there was nothing to clear yet.
    if (this.#counters.fails(this.#slot) === 0) this.#counters.clearHealth(this.#slot, HealthBit.Suspended)
    return before & HealthBit.Suspended ? 'continued' : 'begun'
  }

  /** A request has succeeded. Returns whether that ended a suspension. */
  succeeded(): boolean {
    if (this.#counters.fails(this.#slot) === 0) return false
    // As in nginx: only a success counts whose window began after the last failure.
    if (((this.#counters.failedAt(this.#slot) - this.#counters.checkedAt(this.#slot)) | 0) >= 0) return false
    this.#counters.clearFails(this.#slot)
    return this.#clear()
  }

  /** Failures no longer count, so a success would not end the suspension. Returns whether there was one. */
  end(): boolean {
    if (this.#counters.fails(this.#slot) !== 0) this.#counters.clearFails(this.#slot)
    return this.isOn && this.#clear()
  }

  /** Whether a failure that counts came at that time or later. */
  hasFailedSince(time: number): boolean {
    return this.#counters.fails(this.#slot) !== 0 && ((this.#counters.failedAt(this.#slot) - time) | 0) >= 0
  }

  #clear(): boolean {
    return (this.#counters.clearHealth(this.#slot, HealthBit.Suspended) & HealthBit.Suspended) !== 0
  }

  #age(now: number): number {
    return ((now | 0) - this.#counters.checkedAt(this.#slot)) | 0
  }

  /** How long failures count, and how long they suspend the server, in ms. */
  #window(health: number): number {
    return health & HealthBit.Returning ? Math.min(RETURN_PAUSE, this.#failTimeout) : this.#failTimeout
  }

  #isOver(now: number, health: number): boolean {
    const age = this.#age(now)
    // Modulo 2^32, a window that began more than 24.8 days ago seems to lie in the future.
    return age > this.#window(health) || age < -CLOCK_SLACK
  }
}
